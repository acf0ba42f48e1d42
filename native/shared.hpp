// Ranks items by scores that all users share, except for a few scores of each user: best sellers, buy again. Shared
// scores are sorted once; the cost of a user depends on their own scores, not on the number of items.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "parallel.hpp"
#include "rank.hpp"

namespace gingham {

// An item and its score; a < b: a ranks before b.
struct Scored {
    float score;
    int32_t item;

    friend bool operator<(const Scored& one, const Scored& other) {
        return one.score > other.score || (one.score == other.score && one.item < other.item);
    }
};

class SharedRanker {
  public:
    // `shared` has a score for each item; `own` has scores that replace them, per user row, items ascending.
    SharedRanker(const RankRequest& request, const float* shared, const Csr& own)
        : request_(request), shared_(shared), own_(own), sorted_(request.n_items) {
        for (int64_t item = 0; item < request.n_items; ++item)
            sorted_[item] = {shared[item], static_cast<int32_t>(item)};
        std::sort(sorted_.begin(), sorted_.end());
    }

    bool run(int n_threads, Monitor& monitor) const {
        Blocks blocks(request_.n_users, kBlockUsers);
        return run_threads(n_threads, monitor, [&](int, Progress& progress) {
            User user;
            for (Range users; !progress.cancelled() && blocks.next(users);) {
                for (int64_t row = users.first; row < users.last; ++row) {
                    gather(row, user);
                    if (request_.k > 0) top(row, user);
                    if (request_.test.indptr) rank_test(row, user);
                }
                progress.add(users.last - users.first);
            }
        });
    }

  private:
    struct User {
        std::vector<Scored> own;       // not seen, best first
        std::vector<Scored> replaced;  // shared scores of own items and of seen items, which don't count
    };

    bool seen(int64_t row, int32_t item) const { return request_.seen.indptr && request_.seen.contains(row, item); }

    void gather(int64_t row, User& user) const {
        user.own.clear();
        user.replaced.clear();
        for (int64_t at = own_.begin(row); at < own_.end(row); ++at) {
            const int32_t item = own_.indices[at];
            user.replaced.push_back({shared_[item], item});
            if (!seen(row, item)) user.own.push_back({own_.data[at], item});
        }
        if (request_.seen.indptr)
            for (int64_t at = request_.seen.begin(row); at < request_.seen.end(row); ++at) {
                const int32_t item = request_.seen.indices[at];
                if (!own_.contains(row, item)) user.replaced.push_back({shared_[item], item});
            }
        std::sort(user.own.begin(), user.own.end());
    }

    bool is_shared(int64_t row, int32_t item) const { return !own_.contains(row, item) && !seen(row, item); }

    void top(int64_t row, const User& user) const {
        int32_t* items = request_.top_items + row * request_.k;
        float* scores = request_.top_scores + row * request_.k;
        auto own = user.own.begin();
        auto shared = sorted_.begin();
        for (int64_t place = 0; place < request_.k; ++place) {
            while (shared != sorted_.end() && !is_shared(row, shared->item)) ++shared;
            const bool from_own = own != user.own.end() && (shared == sorted_.end() || *own < *shared);
            if (!from_own && shared == sorted_.end()) {
                items[place] = -1;
                scores[place] = kMasked;
                continue;
            }
            const Scored next = from_own ? *own++ : *shared++;
            items[place] = next.item;
            scores[place] = next.score;
        }
    }

    void rank_test(int64_t row, const User& user) const {
        for (int64_t at = request_.test.begin(row); at < request_.test.end(row); ++at) {
            const int32_t item = request_.test.indices[at];
            const bool masked = seen(row, item);
            const Scored tested{score(row, item), item};
            // Before all items with that score, and after all of them.
            const Scored first{tested.score, -1}, last{tested.score, INT32_MAX};
            const int64_t above = ahead_of(first, user);
            const int64_t others = ahead_of(last, user) - above - (masked ? 0 : 1);
            request_.ranks[at] = static_cast<int32_t>(masked ? request_.n_items : ahead_of(tested, user));
            request_.mid_ranks[at] = above + 0.5 * others;
            request_.ties[at] = static_cast<int32_t>(others);
        }
    }

    float score(int64_t row, int32_t item) const {
        const int32_t* begin = own_.indices + own_.begin(row);
        const int32_t* end = own_.indices + own_.end(row);
        const int32_t* place = std::lower_bound(begin, end, item);
        return place != end && *place == item ? own_.data[place - own_.indices] : shared_[item];
    }

    // Return how many of a user's candidates rank before `mark`.
    int64_t ahead_of(const Scored& mark, const User& user) const {
        const auto before = [&](const std::vector<Scored>& sorted) {
            return std::lower_bound(sorted.begin(), sorted.end(), mark) - sorted.begin();
        };
        const auto replaced = std::count_if(
            user.replaced.begin(), user.replaced.end(), [&](const Scored& one) { return one < mark; });
        return before(sorted_) + before(user.own) - replaced;
    }

    const RankRequest& request_;
    const float* shared_;
    Csr own_;
    std::vector<Scored> sorted_;
};

}  // namespace gingham
