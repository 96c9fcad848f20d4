// SPDX-License-Identifier: MIT
/*
 * A program with threads as many are: some make tasks, some work on them, one
 * collects. Nearly everything that one thread allocates another one frees. Its
 * output depends on nothing but its tasks.
 */
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

constexpr int makers = 2, workers = 3, tasks_each = 4000;

struct task {
	int number;
	std::string text;
	std::vector<std::shared_ptr<std::string>> words;
};

struct result {
	int number;
	std::map<std::string, int> counts;
};

/* End is told by an empty pointer. */
template <typename T> class channel {
public:
	void put(std::unique_ptr<T> item)
	{
		std::lock_guard<std::mutex> guard(mutex_);

		items_.push_back(std::move(item));
		filled_.notify_one();
	}

	std::unique_ptr<T> take()
	{
		std::unique_lock<std::mutex> lock(mutex_);

		filled_.wait(lock, [this] { return !items_.empty(); });
		auto item = std::move(items_.front());
		items_.pop_front();
		return item;
	}

private:
	std::mutex mutex_;
	std::condition_variable filled_;
	std::deque<std::unique_ptr<T>> items_;
};

std::string word(unsigned number)
{
	return "word" + std::string(number % 60, 'a' + number % 26) +
	       std::to_string(number % 97);
}

void make(int maker, channel<task> &out)
{
	for (int i = 0; i < tasks_each; i++) {
		auto made = std::make_unique<task>();

		made->number = maker * tasks_each + i;
		for (int n = 0; n < i % 40; n++) {
			auto one = std::make_shared<std::string>(
				word(made->number * 31 + n));

			made->words.push_back(one);
			made->text += *one + " ";
		}
		out.put(std::move(made));
	}
}

void work(channel<task> &in, channel<result> &out)
{
	thread_local std::unordered_map<std::string, int> seen;

	while (auto item = in.take()) {
		auto made = std::make_unique<result>();

		made->number = item->number;
		for (auto &one : item->words) {
			made->counts[*one]++;
			if (++seen[*one] > 50)
				seen.erase(*one);
		}
		made->counts[""] = static_cast<int>(item->text.size());
		out.put(std::move(made));
	}
	out.put(nullptr);
}

void collect(channel<result> &in)
{
	std::map<std::string, long> totals;
	std::vector<int> numbers;
	int ended = 0;

	while (ended < workers) {
		auto item = in.take();

		if (!item) {
			ended++;
			continue;
		}
		numbers.push_back(item->number);
		for (auto &[text, count] : item->counts)
			totals[text] += count;
	}
	std::sort(numbers.begin(), numbers.end());
	std::printf("%zu results, last %d, %zu words, %ld bytes\n",
		    numbers.size(), numbers.back(), totals.size(), totals[""]);
	for (auto &[text, count] : totals)
		if (count % 97 == 0)
			std::printf("%s %ld\n", text.c_str(), count);
}

} /* namespace */

int main()
{
	channel<task> tasks;
	channel<result> results;
	std::vector<std::thread> making, working;

	for (int i = 0; i < makers; i++)
		making.emplace_back(make, i, std::ref(tasks));
	for (int i = 0; i < workers; i++)
		working.emplace_back(work, std::ref(tasks), std::ref(results));
	std::thread ending([&] {
		for (auto &thread : making)
			thread.join();
		for (int i = 0; i < workers; i++)
			tasks.put(nullptr);
	});
	collect(results);
	ending.join();
	for (auto &thread : working)
		thread.join();
	return 0;
}
