# SPDX-License-Identifier: MIT
def run_and_report(args, complain, say):
    return {}
