// Counter-based random numbers: the draws of a step depend only on the seed, the epoch and the position of the step. So
// a thread needs no random state, and one thread trains the same model on every run.
#pragma once

#include <cstdint>
#include <utility>

namespace gingham {

// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
inline uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

class Random {
  public:
    Random(uint64_t seed, uint64_t position) : state_(mix(seed + kGamma * (position + 1))) {}

    uint64_t next() {
        state_ += kGamma;
        return mix(state_);
    }

    // Uniform in [0, bound); the multiply-shift of Lemire (2019), whose bias is below bound / 2^64.
    int64_t below(int64_t bound) {
        return static_cast<int64_t>((static_cast<unsigned __int128>(next()) * static_cast<uint64_t>(bound)) >> 64);
    }

    // Two numbers uniform in [0, bound) from one random word; the bound is below 2^32, the bias below bound / 2^32.
    std::pair<int64_t, int64_t> two_below(int64_t bound) {
        const uint64_t bits = next(), size = static_cast<uint64_t>(bound);
        return {static_cast<int64_t>((bits >> 32) * size >> 32), static_cast<int64_t>((bits & 0xffffffff) * size >> 32)};
    }

  private:
    static constexpr uint64_t kGamma = 0x9e3779b97f4a7c15ULL;
    uint64_t state_;
};

// A keyed bijection of [0, size): a random order that needs no array. Five invertible rounds of multiply, add and
// xor-shift on the next power of two; a result outside the range is mapped again until it is inside.
class Permutation {
  public:
    Permutation(int64_t size, uint64_t key) : size_(static_cast<uint64_t>(size)) {
        int bits = 2;
        while ((uint64_t{1} << bits) < size_) ++bits;
        mask_ = (uint64_t{1} << bits) - 1;
        shift_ = (bits + 1) / 2;
        for (int round = 0; round < kRounds; ++round) {
            multiplier_[round] = mix(key + 2 * round) | 1;
            addend_[round] = mix(key + 2 * round + 1);
        }
    }

    int64_t operator()(int64_t position) const {
        uint64_t x = static_cast<uint64_t>(position);
        do {
            for (int round = 0; round < kRounds; ++round) {
                x = (x * multiplier_[round] + addend_[round]) & mask_;
                x ^= x >> shift_;
            }
        } while (x >= size_);
        return static_cast<int64_t>(x);
    }

  private:
    static constexpr int kRounds = 5;
    uint64_t size_, mask_;
    int shift_;
    uint64_t multiplier_[kRounds], addend_[kRounds];
};

// The order of examples in an epoch: runs of neighbours stay together, the runs are permuted. The examples were shuffled
// once, so neighbours are unrelated; reading them in runs saves a random memory access per step. A few examples are
// permuted one by one.
class Order {
  public:
    Order(int64_t size, uint64_t key)
        : shift_(size < kFew ? 0 : kRunShift), whole_(size >> shift_ << shift_), runs_(size >> shift_, key) {}

    int64_t operator()(int64_t position) {
        if (position >= whole_) return position;
        if (position >> shift_ != run_) {
            run_ = position >> shift_;
            start_ = runs_(run_) << shift_;
        }
        return start_ + (position & ((int64_t{1} << shift_) - 1));
    }

  private:
    static constexpr int kRunShift = 4;  // 16 int32 numbers are a cache line
    static constexpr int64_t kFew = 1024;
    int shift_;
    int64_t whole_;
    Permutation runs_;
    int64_t run_ = -1, start_ = 0;  // the run looked up last
};

}  // namespace gingham
