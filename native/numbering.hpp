// Numbers keys in the order in which they first come. A key is two hashes of 64 bits.
#pragma once

#include <cstdint>

#include "matrix.hpp"

namespace gingham {

// Open addressing: a slot is {hash, other hash, number + 1}, the last of them 0 where it is free. `slots` is a power of
// two, and more than there will be keys.
struct KeyTable {
    uint64_t* data = nullptr;
    int64_t slots = 0;

    uint64_t* slot(uint64_t hash) const { return data + static_cast<int64_t>(hash & (slots - 1)) * 3; }
};

// Writes the number of each key to `numbers`, and where new ones first stand to `firsts`. `known` keys were numbered
// before; the result is how many are now.
inline int64_t number_keys(const uint64_t* hashes, const uint64_t* others, int64_t size, KeyTable table, int64_t known,
                           uint32_t* numbers, int64_t* firsts) {
    // A slot is rarely in a cache, and nothing needs to wait for it.
    constexpr int64_t kAhead = 16;
    for (int64_t i = 0; i < size; ++i) {
        if (i + kAhead < size) prefetch(table.slot(hashes[i + kAhead]));
        uint64_t* slot = table.slot(hashes[i]);
        while (slot[2] != 0 && !(slot[0] == hashes[i] && slot[1] == others[i])) {
            slot += 3;
            if (slot == table.data + table.slots * 3) slot = table.data;
        }
        if (slot[2] == 0) {
            slot[0] = hashes[i];
            slot[1] = others[i];
            slot[2] = static_cast<uint64_t>(++known);
            *firsts++ = i;
        }
        numbers[i] = static_cast<uint32_t>(slot[2] - 1);
    }
    return known;
}

}  // namespace gingham
