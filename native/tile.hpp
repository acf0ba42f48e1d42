// Products of tiles of matrices that stay in registers, for ranking and least squares.
#pragma once

#include <cstdint>
#include <vector>

#include "matrix.hpp"

namespace gingham {

// The shape of a tile depends on the registers of the instruction set.
#if defined(__AVX512F__)
inline constexpr int kTileRows = 12, kTileColumns = 32;
#elif defined(__AVX2__)
inline constexpr int kTileRows = 6, kTileColumns = 16;
#else
inline constexpr int kTileRows = 4, kTileColumns = 8;
#endif

inline int64_t round_up(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

// Rows of a matrix as panels: panel p holds [depth][width] floats of rows p * width ..., zero past the end.
inline void pack(const Matrix& rows, int64_t first, int64_t count, int64_t depth, int width, float* out) {
    for (int64_t start = 0; start < count; start += width)
        for (int64_t d = 0; d < depth; ++d)
            for (int64_t lane = 0; lane < width; ++lane)
                *out++ = start + lane < count ? rows.row(first + start + lane)[d] : 0.0f;
}

// The compiler's own vector type: portable, and kept in registers where an array of floats is not.
inline constexpr int kLanes = kTileColumns / 2;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float)), may_alias));

inline Lanes& lanes(float* at) { return *reinterpret_cast<Lanes*>(at); }
inline const Lanes& lanes(const float* at) { return *reinterpret_cast<const Lanes*>(at); }

// Zero-initialized memory that starts at a cache line: a vector across two lines is read twice.
class Buffer {
  public:
    explicit Buffer(int64_t size) : lines_(round_up(size, kLineFloats) / kLineFloats) {}

    float* data() { return reinterpret_cast<float*>(lines_.data()); }

  private:
    struct alignas(kLineFloats * sizeof(float)) Line {
        float floats[kLineFloats];
    };
    std::vector<Line> lines_;
};

// The sums of several vectors. All are halved together: summing one after the other would cost as much as computing the
// vectors.
template <int kWidth, int kCount>
[[gnu::always_inline]] inline void totals(const float (&terms)[kCount][kWidth], float* out) {
    if constexpr (kWidth == 4) {
        for (int at = 0; at < kCount; ++at) out[at] = (terms[at][0] + terms[at][1]) + (terms[at][2] + terms[at][3]);
    } else {
        float halves[kCount][kWidth / 2];
        for (int at = 0; at < kCount; ++at)
            for (int lane = 0; lane < kWidth / 2; ++lane)
                halves[at][lane] = terms[at][lane] + terms[at][lane + kWidth / 2];
        totals(halves, out);
    }
}

// Whether a product replaces its output or is added to it.
enum class Into { kReplace, kAdd };

// out[i][j] = sum over d of a[d][i] * b[d][j], or adds it. Not inlined: every element is computed by the same
// instructions in the same order, so equal inputs give equal bits at any place of a tile.
template <int kRows, Into kInto = Into::kReplace>
[[gnu::noinline]] void multiply_tile(const float* __restrict a, int64_t a_stride, const float* __restrict b,
                                     int64_t b_stride, int64_t depth, float* __restrict out, int64_t stride) {
    Lanes sums[kRows][2] = {};
    for (int64_t d = 0; d < depth; ++d) {
        const Lanes left = lanes(b + d * b_stride), right = lanes(b + d * b_stride + kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) {
            sums[i][0] += a[d * a_stride + i] * left;
            sums[i][1] += a[d * a_stride + i] * right;
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
        for (int half = 0; half < 2; ++half) {
            Lanes& place = lanes(out + i * stride + half * kLanes);
            if constexpr (kInto == Into::kReplace) place = sums[i][half];
            if constexpr (kInto == Into::kAdd) place += sums[i][half];
        }
}

}  // namespace gingham
