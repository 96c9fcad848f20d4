#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# For perl: hashes of lists, strings that grow, splits and joins.
#
# words.pl COUNT

use strict;
use warnings;

my $count = shift;
my $state = 1;

sub draw
{
	$state = ($state * 1103515245 + 12345) & 0x7fffffff;
	return ($state >> 8) % shift;
}

my (%words, %places);
my $text = '';
for my $i (1 .. $count) {
	my $word = join '', map { chr(97 + draw(26)) } 1 .. 2 + draw(5);
	$words{$word}++;
	push @{$places{substr $word, 0, 2}}, "$word:$i";
	$text .= "$word ";
	if (length $text > 50000) {
		my @again = grep { $words{$_} > 1 } split / /, $text;
		$text = join ' ', @again[0 .. @again / 4];
	}
	delete $places{substr $word, 0, 2} if draw(400) == 0;
}
my @sorted = sort { $words{$b} <=> $words{$a} || $a cmp $b } keys %words;
print scalar(@sorted), " $sorted[0] ", scalar(keys %places), "\n";
