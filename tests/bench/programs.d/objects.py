# SPDX-License-Identifier: MIT
"""For python3: objects, dictionaries, strings and lists that come and go.

objects.py COUNT
"""

import random
import sys


class Account:
    def __init__(self, number, name):
        self.number = number
        self.name = name
        self.entries = []


def words(dice, count):
    return ["".join(dice.choice("abcdefghijklmnop") for _ in range(size))
            for size in (dice.randint(3, 20) for _ in range(count))]


def main():
    count = int(sys.argv[1])
    dice = random.Random(1)
    names = words(dice, 2000)
    accounts = {}
    for turn in range(count):
        key = dice.randrange(count // 4 + 1)
        account = accounts.get(key)
        if account is None:
            accounts[key] = Account(key, dice.choice(names) + str(key))
        elif len(account.entries) > 6:
            del accounts[key]
        else:
            account.entries.append((turn, "%s %d" % (account.name, turn)))
    report = "\n".join(text for account in accounts.values()
                       for _, text in account.entries)
    table = {line: tuple(line.split()) for line in report.splitlines()}
    lines = sorted(table, key=lambda line: table[line][::-1])
    assert len(lines) == len(table)
    print(len(accounts), len(lines))


main()
