// How an epoch is cut so that its result does not depend on threads. Users are divided into lanes, contiguous ranges with
// about equally many examples; a lane is trained in sequence. An epoch is a sequence of blocks, and a block takes its share
// of every lane. Within a block, what lanes share doesn't change: items, and features of users of several lanes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "parallel.hpp"
#include "random.hpp"

namespace gingham {

inline constexpr int kNumLanes = 64;
// The groups of shared rows, which can be updated at the same time.
inline constexpr int kOwners = 16;
// The owner of a row that only the users of one lane have: the lane updates it at once.
inline constexpr uint8_t kLaneOwned = 255;

struct Plan {
    const int64_t* lanes;   // kNumLanes + 1 offsets: where the examples of each lane begin
    const int64_t* blocks;  // where each block ends, as a number of examples of the epoch
    int64_t n_blocks;

    int64_t size() const { return lanes[kNumLanes]; }
    Range block(int64_t number) const { return {number == 0 ? 0 : blocks[number - 1], blocks[number]}; }

    // The positions of a block that belong to a lane.
    Range share(int lane, Range block) const {
        const int64_t first = lanes[lane], length = lanes[lane + 1] - first;
        return {first + portion(length, block.first), first + portion(length, block.last)};
    }
    int64_t largest_block() const {
        int64_t largest = 0;
        for (int64_t number = 0; number < n_blocks; ++number)
            largest = std::max(largest, block(number).last - block(number).first);
        return largest;
    }
    // The most examples that some lanes can have in a block.
    int64_t most_examples(Range lane_range) const {
        const int64_t length = lanes[lane_range.last] - lanes[lane_range.first];
        const int64_t n_lanes = lane_range.last - lane_range.first;
        return std::min(length, portion(length, largest_block()) + n_lanes + 1);
    }

  private:
    int64_t portion(int64_t length, int64_t done) const {
        return size() == 0 ? 0 : static_cast<int64_t>(static_cast<__int128>(length) * done / size());
    }
};

// The orders of the lanes' examples in an epoch.
class Orders {
  public:
    Orders(const Plan& plan, uint64_t seed) : plan_(plan) {
        orders_.reserve(kNumLanes);
        for (int lane = 0; lane < kNumLanes; ++lane)
            orders_.emplace_back(plan.lanes[lane + 1] - plan.lanes[lane], mix(seed) + lane);
    }

    // Return the example at a position of a lane.
    int64_t operator()(int lane, int64_t position) {
        return plan_.lanes[lane] + orders_[lane](position - plan_.lanes[lane]);
    }

  private:
    const Plan& plan_;
    std::vector<Order> orders_;
};

// Goes through the positions of a block that belong to some lanes, lane by lane.
class Walk {
  public:
    Walk(const Plan& plan, Range lanes, Range block)
        : plan_(plan), block_(block), lane_(static_cast<int>(lanes.first)), end_(static_cast<int>(lanes.last)),
          share_(plan.share(lane_, block)) {
        skip_empty();
    }

    bool done() const { return lane_ == end_; }
    int lane() const { return lane_; }
    int64_t position() const { return share_.first; }
    void advance() {
        ++share_.first;
        skip_empty();
    }

  private:
    void skip_empty() {
        while (share_.first == share_.last && ++lane_ < end_) share_ = plan_.share(lane_, block_);
    }

    const Plan& plan_;
    Range block_;
    int lane_, end_;
    Range share_;
};

}  // namespace gingham
