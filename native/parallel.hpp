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

// Phases one after another, each of so many pieces that any thread may take. A thread never waits for a thread that has no
// piece.
class Phases {
  public:
    Phases(int32_t n_phases, int n_pieces) : n_phases_(n_phases), n_pieces_(n_pieces) {}

    // Called by every thread: work(phase, piece), and after(phase) by the thread that finished its last piece, before
    // the next phase begins. An exception cancels the work and is thrown again at the end.
    template <class Work, class After>
    void run(Progress& progress, Work work, After after) {
        std::exception_ptr error;
        const auto attempt = [&](auto function) {
            if (progress.cancelled()) return;  // the remaining pieces are only counted
            try {
                function();
            } catch (...) {
                if (!error) error = std::current_exception();
                progress.cancel();
            }
        };
        for (int32_t phase = 0; phase < n_phases_; phase = wait_for_next(phase)) {
            for (int piece; (piece = take(phase)) < n_pieces_;) {
                attempt([&] { work(phase, piece); });
                if (finished_.fetch_add(1, std::memory_order_acq_rel) + 1 < end(phase)) continue;
                attempt([&] { after(phase); });
                open_.store(phase + 1, std::memory_order_release);
                open_.notify_all();
            }
        }
        if (error) std::rethrow_exception(error);
    }

  private:
    // A thread that waits first spins, then lets other threads run, and then sleeps.
    static constexpr int kSpins = 300, kYields = 300;

    int64_t end(int32_t phase) const { return (int64_t{phase} + 1) * n_pieces_; }

    // Return the number of a piece that no thread has taken, or the number of pieces if there is none.
    int take(int32_t phase) {
        int64_t next = next_.load(std::memory_order_relaxed);
        while (next < end(phase))
            if (next_.compare_exchange_weak(next, next + 1, std::memory_order_relaxed))
                return static_cast<int>(next - end(phase)) + n_pieces_;
        return n_pieces_;
    }

    int32_t wait_for_next(int32_t phase) const {
        for (int attempt = 0; attempt < kSpins + kYields; ++attempt) {
            const int32_t open = open_.load(std::memory_order_acquire);
            if (open > phase) return open;
            if (attempt < kSpins) {
                pause();
            } else {
                std::this_thread::yield();
            }
        }
        open_.wait(phase, std::memory_order_acquire);
        return open_.load(std::memory_order_acquire);
    }

    static void pause() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
    }

    int32_t n_phases_;
    int n_pieces_;
    alignas(64) std::atomic<int64_t> next_{0};
    alignas(64) std::atomic<int64_t> finished_{0};
    alignas(64) std::atomic<int32_t> open_{0};
};

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
