// Updates of shared rows between the two phases of a block: the vectors, the queues, and how the second phase is divided.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "lanes.hpp"
#include "matrix.hpp"
#include "parallel.hpp"
#include "representation.hpp"

namespace gingham {

// Rows of floats that start at cache lines.
class Rows {
  public:
    Rows(int64_t rows, int64_t width) : memory_(rows * width + kRowAlignment) {
        const auto address = reinterpret_cast<uintptr_t>(memory_.data());
        matrix_ = {memory_.data() + (-address % 64) / sizeof(float), rows, width};
    }
    float* row(int64_t index) const { return matrix_.row(index); }

  private:
    std::vector<float> memory_;
    Matrix matrix_;
};

// An update of the shared rows of a user or item: they move along -gradient * the vector in the slot.
struct QueuedUpdate {
    int64_t row;   // the row of an entity without features, or else the place of its first feature
    int32_t size;  // the number of its features
    int32_t slot;
    float gradient;
};

using Queue = std::vector<QueuedUpdate>;

// How the second phase of a side is divided into pieces: by classes of owners, and by columns of parameters. Features are
// divided by columns first: then pieces are equally large, and all rows of an entity are updated while its vector is in
// the cache.
struct Division {
    int n_classes;
    int n_parts = 1;
    int64_t columns;  // of a part

    Division(const Side& side, int64_t width, int n_pieces, int n_threads) : n_classes(n_pieces), columns(width) {
        if (side.identity) return;
        const int wanted = least_pieces(n_threads);
        n_parts = std::min(wanted, static_cast<int>(std::bit_floor(static_cast<uint64_t>(width / kRowAlignment))));
        n_classes = std::max(1, wanted / n_parts);
        columns = (width / n_parts + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
    }
    // Features are divided into so many pieces.
    static int least_pieces(int n_threads) { return static_cast<int>(std::bit_ceil(static_cast<unsigned>(n_threads))); }
    int class_of(uint8_t owner) const { return owner % n_classes; }
    Range part(int piece, int64_t width) const {
        const int64_t first = std::min(piece / n_classes * columns, width);
        return {first, std::min(first + columns, width)};
    }
};

}  // namespace gingham
