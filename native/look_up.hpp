// Keys of a Python dictionary -> its numbers. Holds the GIL throughout.
#pragma once

#include <Python.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "matrix.hpp"

namespace gingham {

// Writes each key's number, -1 for one that is not there. Keys and numbers lie anywhere in memory, and who looks up one
// after the other mostly waits for it: here a block of keys is on its way while the one before is looked up. A Python
// exception (of a key that can't be hashed) is left set.
inline bool look_up(PyObject* numbers, PyObject* keys, int32_t* out) {
    constexpr Py_ssize_t kBlock = 32;
    constexpr Py_ssize_t kHeader = 64;  // a text's hash stands within its first bytes, and those on one line or two
    const Py_ssize_t size = PyList_GET_SIZE(keys);
    std::array<PyObject*, kBlock> found{};
    for (Py_ssize_t start = 0; start < size; start += kBlock) {
        const Py_ssize_t end = std::min(start + kBlock, size);
        for (Py_ssize_t at = end; at < std::min(end + kBlock, size); ++at) {
            const auto* key = reinterpret_cast<const char*>(PyList_GET_ITEM(keys, at));
            prefetch(key);
            prefetch(key + kHeader - 1);
        }
        for (Py_ssize_t at = start; at < end; ++at) {
            PyObject* number = PyDict_GetItemWithError(numbers, PyList_GET_ITEM(keys, at));
            if (number == nullptr && PyErr_Occurred() != nullptr) return false;
            if (number != nullptr) prefetch(number);
            found[at - start] = number;
        }
        for (Py_ssize_t at = start; at < end; ++at) {
            PyObject* number = found[at - start];
            out[at] = number == nullptr ? -1 : static_cast<int32_t>(PyLong_AsLong(number));
        }
    }
    return true;
}

}  // namespace gingham
