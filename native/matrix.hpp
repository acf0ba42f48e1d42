// Borrowed views of arrays that Python owns.
#pragma once

#include <cstdint>

namespace gingham {

// Rows are padded to this many floats, so that loops over a row have no remainder.
inline constexpr int kRowAlignment = 8;
// The floats of a cache line.
inline constexpr int kLineFloats = 16;

// Length of a row of parameters: the embedding, the bias, and zeros up to a multiple of the alignment.
inline int64_t padded_width(int64_t n_components) {
    return (n_components + 1 + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
}

// Row-major float32 matrix; `stride` is a row's length, padding included.
struct Matrix {
    float* data = nullptr;
    int64_t rows = 0;
    int64_t stride = 0;

    float* row(int64_t index) const { return data + index * stride; }
};

// Compressed sparse rows; int64 offsets allow more than two billion entries.
struct Csr {
    const int64_t* indptr = nullptr;
    const int32_t* indices = nullptr;
    const float* data = nullptr;
    int64_t rows = 0;

    int64_t begin(int64_t row) const { return indptr[row]; }
    int64_t end(int64_t row) const { return indptr[row + 1]; }
    int64_t size() const { return indptr[rows]; }

    // Whether the row contains the column; indices are sorted within a row.
    bool contains(int64_t row, int32_t column) const {
        const int32_t* low = indices + begin(row);
        int64_t count = end(row) - begin(row);
        while (count > 0) {
            const int64_t half = count / 2;
            const bool right = low[half] < column;
            low = right ? low + half + 1 : low;
            count = right ? count - half - 1 : half;
        }
        return low < indices + end(row) && *low == column;
    }
};

// Prefetch an address that will be needed soon. GCC regards this as code without effect and removes functions and loops
// that do nothing else; it must keep the empty asm statement.
inline void prefetch(const void* address) {
    __builtin_prefetch(address, 1);
    __asm__ volatile("");
}

// Prefetch a row that threads share and only read: prefetching for writing would take the line from other cores. Into
// the second-level cache, because the first is full of the rows in use.
inline void prefetch_shared_row(const float* row, int64_t length) {
    for (int64_t offset = 0; offset < length; offset += kLineFloats) {
        __builtin_prefetch(row + offset, 0, 2);
        __asm__ volatile("");
    }
}

inline void prefetch_row(const float* row, int64_t length) {
    for (int64_t offset = 0; offset < length; offset += kLineFloats) prefetch(row + offset);
}

}  // namespace gingham
