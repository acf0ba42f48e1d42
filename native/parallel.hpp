// Threads, progress and cancellation.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace gingham {

// poll() is called on the calling thread with the work done so far, every 50 milliseconds and at the end. If it returns
// false, the threads stop.
class Monitor {
  public:
    virtual ~Monitor() = default;
    virtual bool poll(int64_t done) = 0;
};

class Progress {
  public:
    void add(int64_t count) { done_.fetch_add(count, std::memory_order_relaxed); }
    int64_t done() const { return done_.load(std::memory_order_relaxed); }
    void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
    bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  private:
    std::atomic<int64_t> done_{0};
    std::atomic<bool> cancelled_{false};
};

// Run work(thread, progress) on that many threads while the calling thread polls the monitor. Returns false if the
// monitor stopped the work. An exception of a thread is thrown again here.
template <class Work>
bool run_threads(int n_threads, Monitor& monitor, Work work) {
    constexpr auto kInterval = std::chrono::milliseconds(50);
    Progress progress;
    std::mutex mutex;
    std::condition_variable finished;
    int running = n_threads;
    std::exception_ptr error;

    auto body = [&](int thread) {
        std::exception_ptr thrown;
        try {
            work(thread, progress);
        } catch (...) {
            thrown = std::current_exception();
            progress.cancel();
        }
        const std::lock_guard lock(mutex);
        if (thrown && !error) error = thrown;
        if (--running == 0) finished.notify_one();
    };
    std::vector<std::thread> threads;
    threads.reserve(n_threads);
    try {
        while (static_cast<int>(threads.size()) < n_threads)
            threads.emplace_back(body, static_cast<int>(threads.size()));
    } catch (...) {
        // The system can't start another thread: stop those that run already, and raise the error.
        const std::lock_guard lock(mutex);
        error = std::current_exception();
        running -= n_threads - static_cast<int>(threads.size());
        progress.cancel();
    }
    bool stopped = false;
    {
        std::unique_lock lock(mutex);
        while (!finished.wait_for(lock, kInterval, [&] { return running == 0; })) {
            lock.unlock();
            if (!stopped && !monitor.poll(progress.done())) {
                stopped = true;
                progress.cancel();
            }
            lock.lock();
        }
    }
    for (auto& thread : threads) thread.join();
    if (error) std::rethrow_exception(error);
    return !stopped && monitor.poll(progress.done());
}

// The share [first, last) of `size` that one thread works on.
struct Range {
    int64_t first, last;
};
inline Range share(int64_t size, int thread, int n_threads) {
    return {size * thread / n_threads, size * (thread + 1) / n_threads};
}

// Hands out blocks of [0, size) one by one, so that the other threads don't wait for a slow one.
class Blocks {
  public:
    Blocks(int64_t size, int64_t block) : size_(size), block_(block) {}

    bool next(Range& range) {
        const int64_t first = next_.fetch_add(block_, std::memory_order_relaxed);
        if (first >= size_) return false;
        range = {first, std::min(first + block_, size_)};
        return true;
    }

  private:
    int64_t size_, block_;
    std::atomic<int64_t> next_{0};
};

}  // namespace gingham
