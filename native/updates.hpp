// Updates of shared rows between the two phases of a block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "matrix.hpp"

namespace gingham {

// Rows of floats; the first starts at a cache line.
class Rows {
  public:
    Rows(int64_t rows, int64_t width) : memory_(rows * width + kLineFloats) {
        const auto address = reinterpret_cast<uintptr_t>(memory_.data());
        matrix_ = {memory_.data() + (-address % 64) / sizeof(float), rows, width};
    }
    float* row(int64_t index) const { return matrix_.row(index); }

  private:
    std::vector<float> memory_;
    Matrix matrix_;
};

// An update of a shared row: it moves along -gradient * the vector in the slot.
struct QueuedUpdate {
    int32_t row, slot;
    float gradient;
};

// Updates in the order in which they were queued. GCC doesn't inline push_back() of a vector, which took a tenth of the
// time with many features.
class Queue {
  public:
    void clear() { size_ = 0; }
    void push(const QueuedUpdate& update) {
        if (size_ == memory_.size()) grow();
        memory_[size_++] = update;
    }
    size_t size() const { return size_; }
    const QueuedUpdate& operator[](size_t at) const { return memory_[at]; }

  private:
    [[gnu::noinline]] void grow() { memory_.resize(std::max<size_t>(64, 2 * size_)); }

    std::vector<QueuedUpdate> memory_;
    size_t size_ = 0;
};

}  // namespace gingham
