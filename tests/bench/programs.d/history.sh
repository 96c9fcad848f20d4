#!/bin/sh
# SPDX-License-Identifier: MIT
#
# For git: a repository from the files in a folder, changed a few times, packed
# and read.
#
# history.sh FOLDER

set -e
cd "$1"
rm -rf .git
git init -q .
for turn in 1 2 3; do
	for file in dir*0/*; do
		echo "turn $turn" >>"$file"
	done
	git add .
	git commit -q -m "turn $turn"
done
git gc -q
git log -p --stat >/dev/null
git grep -c turn >/dev/null
