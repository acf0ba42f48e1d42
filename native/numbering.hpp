// Number keys in the order of their first occurrence. A key is a pair of 64-bit hashes.
#pragma once

#include <cstdint>

#include "matrix.hpp"

namespace gingham {

// Open addressing: a slot is {hash, other hash, number + 1}; the last element of a free slot is 0. `slots` is a power
// of two and greater than the number of keys.
struct KeyTable {
    uint64_t* data = nullptr;
    int64_t slots = 0;

    uint64_t* slot(uint64_t hash) const { return data + static_cast<int64_t>(hash & (slots - 1)) * 3; }
};

// Write the number of each key to `numbers`, and the positions of new keys to `firsts`. `n_keys` keys have numbers
// already; returns how many have one now, or -1 if the table is full.
inline int64_t number_keys(const uint64_t* hashes, const uint64_t* others, int64_t size, KeyTable table, int64_t n_keys,
                           uint32_t* numbers, int64_t* firsts) {
    // A slot is rarely in a cache, so it is prefetched.
    constexpr int64_t kAhead = 16;
    for (int64_t i = 0; i < size; ++i) {
        if (i + kAhead < size) prefetch(table.slot(hashes[i + kAhead]));
        uint64_t* slot = table.slot(hashes[i]);
        int64_t visited = 0;
        while (slot[2] != 0 && !(slot[0] == hashes[i] && slot[1] == others[i])) {
            if (++visited == table.slots) return -1;
            slot += 3;
            if (slot == table.data + table.slots * 3) slot = table.data;
        }
        if (slot[2] == 0) {
            slot[0] = hashes[i];
            slot[1] = others[i];
            slot[2] = static_cast<uint64_t>(++n_keys);
            *firsts++ = i;
        }
        numbers[i] = static_cast<uint32_t>(slot[2] - 1);
    }
    return n_keys;
}

}  // namespace gingham
