// Look up many keys in a Python dictionary of numbers. Holds the GIL throughout.
#pragma once

#include <Python.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "matrix.hpp"

namespace gingham {

// Write the number of each key, -1 for a missing key. Keys and numbers are spread over memory, and a simple loop mostly
// waits for it. Here the next block of keys is prefetched while the current one is looked up. Returns false, with a
// Python exception set, if a key can't be hashed or a number is not an int32.
inline bool look_up(PyObject* numbers, PyObject* keys, int32_t* out) {
    constexpr Py_ssize_t kBlock = 32;
    constexpr Py_ssize_t kHeader = 64;  // a string's hash is in its first bytes, on one or two cache lines
    const Py_ssize_t size = PyList_GET_SIZE(keys);
    std::array<PyObject*, kBlock> values{};
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
            values[at - start] = number;
        }
        for (Py_ssize_t at = start; at < end; ++at) {
            PyObject* number = values[at - start];
            const long value = number == nullptr ? -1 : PyLong_AsLong(number);
            if (value == -1 && PyErr_Occurred() != nullptr) return false;
            if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
                PyErr_SetString(PyExc_OverflowError, "a number does not fit into 32 bits");
                return false;
            }
            out[at] = static_cast<int32_t>(value);
        }
    }
    return true;
}

}  // namespace gingham
