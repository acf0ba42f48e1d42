// Exact top-k and the ranks of test items, in one pass over the scores. Order: higher score first; of equal scores, the
// lower item column first. Only the scores of a block of users and a tile of items are in memory at a time.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "matrix.hpp"
#include "parallel.hpp"
#include "tile.hpp"

namespace gingham {

inline constexpr float kMasked = -std::numeric_limits<float>::infinity();

// What to compute for each user row, and where to write it. `seen` and `test` have sorted item columns per user row.
struct RankRequest {
    int64_t n_users = 0;
    int64_t n_items = 0;
    Csr seen;  // masked: neither recommended nor counted; nothing is masked without indptr
    Csr test;  // items to rank; none without indptr
    int64_t k = 0;
    int32_t* top_items = nullptr;   // n_users x k, -1 where there are fewer candidates
    float* top_scores = nullptr;    // n_users x k
    int32_t* ranks = nullptr;       // per test entry, from zero; n_items if the item is masked
    double* mid_ranks = nullptr;    // per test entry: candidates above, plus half of the others with the same score
    int32_t* ties = nullptr;        // per test entry: other candidates with the same score
};

// The best k so far, sorted.
class TopK {
  public:
    TopK(int64_t k, int32_t* items, float* scores) : k_(k), items_(items), scores_(scores) {
        std::fill_n(items_, k_, -1);
        std::fill_n(scores_, k_, kMasked);
    }

    void offer(const float* scores, int64_t count, int64_t first_item) {
        constexpr int64_t kChunk = 32;
        for (int64_t start = 0; start < count; start += kChunk) {
            const int64_t stop = std::min(start + kChunk, count);
            if (!any_above(scores + start, stop - start, scores_[k_ - 1])) continue;
            for (int64_t j = start; j < stop; ++j)
                if (scores[j] > scores_[k_ - 1]) insert(scores[j], static_cast<int32_t>(first_item + j));
        }
    }

  private:
    static bool any_above(const float* scores, int64_t count, float threshold) {
        int32_t above = 0;
        for (int64_t j = 0; j < count; ++j) above |= scores[j] > threshold;
        return above != 0;
    }

    void insert(float score, int32_t item) {
        float* at = std::upper_bound(scores_, scores_ + k_, score, std::greater<>());
        const int64_t position = at - scores_;
        const int64_t moved = k_ - 1 - position;
        std::memmove(at + 1, at, moved * sizeof(float));
        std::memmove(items_ + position + 1, items_ + position, moved * sizeof(int32_t));
        *at = score;
        items_[position] = item;
    }

    int64_t k_;
    int32_t* items_;
    float* scores_;
};

// The position of one test item among the scores counted so far.
struct Standing {
    float score;
    int32_t item;
    int64_t ahead = 0;    // above it, or the same score and a lower column
    int64_t above = 0;
    int64_t level = 0;    // the same score; includes the item itself if it is a candidate

    void count(const float* scores, int64_t n, int64_t first_item) {
        const int64_t before = std::clamp<int64_t>(item - first_item, 0, n);
        const auto [above_before, at_least_before] = tally(scores, before);
        const auto [above_after, at_least_after] = tally(scores + before, n - before);
        ahead += at_least_before + above_after;
        above += above_before + above_after;
        level += at_least_before - above_before + at_least_after - above_after;
    }

  private:
    std::pair<int32_t, int32_t> tally(const float* scores, int64_t n) const {
        int32_t greater = 0, at_least = 0;
        for (int64_t j = 0; j < n; ++j) {
            greater += scores[j] > score;
            at_least += scores[j] >= score;
        }
        return {greater, at_least};
    }
};

// Reads one user's scores tile by tile, in the order of the items.
class UserRanking {
  public:
    UserRanking(const RankRequest& request, int64_t user)
        : request_(request), user_(user), top_(request.k, request.top_items + user * request.k,
                                               request.top_scores + user * request.k),
          next_seen_(request.seen.indptr ? request.seen.begin(user) : 0) {}

    // `score_of(position)` returns the score of the user's test entry at that position.
    template <class ScoreOf>
    void start(ScoreOf score_of) {
        if (!request_.test.indptr) return;
        const int64_t begin = request_.test.begin(user_);
        for (int64_t at = begin; at < request_.test.end(user_); ++at)
            standings_.push_back({score_of(at - begin), request_.test.indices[at]});
    }

    // Overwrites the scores of seen items.
    void take(float* scores, int64_t count, int64_t first_item) {
        if (request_.seen.indptr)
            for (const int64_t end = request_.seen.end(user_);
                 next_seen_ < end && request_.seen.indices[next_seen_] < first_item + count; ++next_seen_)
                scores[request_.seen.indices[next_seen_] - first_item] = kMasked;
        for (Standing& standing : standings_) standing.count(scores, count, first_item);
        if (request_.k > 0) top_.offer(scores, count, first_item);
    }

    void finish(float offset) {
        for (int64_t rank = 0; rank < request_.k; ++rank) request_.top_scores[user_ * request_.k + rank] += offset;
        if (!request_.test.indptr) return;
        int64_t at = request_.test.begin(user_);
        for (const Standing& standing : standings_) {
            const bool masked = request_.seen.indptr && request_.seen.contains(user_, standing.item);
            request_.ranks[at] = static_cast<int32_t>(masked ? request_.n_items : standing.ahead);
            const int64_t others = masked ? standing.level : standing.level - 1;
            request_.mid_ranks[at] = standing.above + 0.5 * others;
            request_.ties[at] = static_cast<int32_t>(others);
            ++at;
        }
    }

  private:
    const RankRequest& request_;
    int64_t user_;
    TopK top_;
    int64_t next_seen_;
    std::vector<Standing> standings_;
};

inline constexpr int64_t kBlockUsers = 48;
inline constexpr int64_t kBlockItems = 256;

// Ranks items by representations: rows of [embedding, bias], score = dot product + both biases.
class RepresentationRanker {
  public:
    RepresentationRanker(const RankRequest& request, Matrix users, Matrix items, int64_t n_components)
        : request_(request), users_(users), items_(items), n_components_(n_components), depth_(n_components + 1) {
        packed_items_.resize(round_up(request.n_items, kTileColumns) * depth_);
        pack(items_, 0, request.n_items, depth_, kTileColumns, packed_items_.data());
    }

    bool run(int n_threads, Monitor& monitor) const {
        Blocks blocks(request_.n_users, kBlockUsers);
        return run_threads(n_threads, monitor, [&](int, Progress& progress) {
            Scratch scratch(depth_);
            for (Range users; !progress.cancelled() && blocks.next(users);) {
                rank_block(users, scratch);
                progress.add(users.last - users.first);
            }
        });
    }

  private:
    struct Scratch {
        explicit Scratch(int64_t depth)
            : users(kBlockUsers * depth), scores(kBlockUsers * kBlockItems), test_items(kTileColumns * depth),
              test_scores(kTileRows * kTileColumns) {}
        std::vector<float> users, scores, test_items, test_scores;
    };

    void rank_block(Range users, Scratch& scratch) const {
        const int64_t n_users = users.last - users.first;
        pack(users_, users.first, n_users, depth_, kTileRows, scratch.users.data());
        // The packed user's row has a one at the place of an item's bias.
        for (int64_t start = 0; start < n_users; start += kTileRows)
            std::fill_n(scratch.users.data() + start * depth_ + n_components_ * kTileRows, kTileRows, 1.0f);

        std::vector<UserRanking> rankings;
        rankings.reserve(n_users);
        for (int64_t i = 0; i < n_users; ++i) {
            rankings.emplace_back(request_, users.first + i);
            rankings.back().start([&](int64_t position) { return test_score(users.first, i, position, scratch); });
        }
        for (int64_t first = 0; first < request_.n_items; first += kBlockItems) {
            const int64_t count = std::min(kBlockItems, request_.n_items - first);
            for (int64_t j = 0; j < count; j += kTileColumns)
                for (int64_t i = 0; i < n_users; i += kTileRows)
                    multiply_tile<kTileRows>(
                        scratch.users.data() + i * depth_, kTileRows, packed_items_.data() + (first + j) * depth_,
                        kTileColumns, depth_, scratch.scores.data() + i * kBlockItems + j, kBlockItems);
            for (int64_t i = 0; i < n_users; ++i)
                rankings[i].take(scratch.scores.data() + i * kBlockItems, count, first);
        }
        for (int64_t i = 0; i < n_users; ++i)
            rankings[i].finish(users_.row(users.first + i)[n_components_]);
    }

    // Score a user's test items, one tile at a time, with the same instructions as all other scores.
    float test_score(int64_t first_user, int64_t i, int64_t position, Scratch& scratch) const {
        const int64_t lane = position % kTileColumns;
        if (lane == 0) {
            const int64_t user = first_user + i;
            const int64_t begin = request_.test.begin(user) + position;
            const int64_t count = std::min<int64_t>(kTileColumns, request_.test.end(user) - begin);
            std::fill(scratch.test_items.begin(), scratch.test_items.end(), 0.0f);
            for (int64_t j = 0; j < count; ++j) {
                const float* row = items_.row(request_.test.indices[begin + j]);
                for (int64_t d = 0; d < depth_; ++d) scratch.test_items[d * kTileColumns + j] = row[d];
            }
            multiply_tile<kTileRows>(
                scratch.users.data() + i / kTileRows * kTileRows * depth_, kTileRows, scratch.test_items.data(),
                kTileColumns, depth_, scratch.test_scores.data(), kTileColumns);
        }
        return scratch.test_scores[i % kTileRows * kTileColumns + lane];
    }

    const RankRequest& request_;
    Matrix users_, items_;
    int64_t n_components_, depth_;
    std::vector<float> packed_items_;
};

// Rank rows of scores that a model computed itself; masks them in place.
inline bool rank_scores(const RankRequest& request, Matrix scores, int n_threads, Monitor& monitor) {
    Blocks blocks(request.n_users, 1);
    return run_threads(n_threads, monitor, [&](int, Progress& progress) {
        for (Range users; !progress.cancelled() && blocks.next(users);) {
            float* row = scores.row(users.first);
            UserRanking ranking(request, users.first);
            const int32_t* test = request.test.indptr
                                      ? request.test.indices + request.test.begin(users.first) : nullptr;
            ranking.start([&](int64_t position) { return row[test[position]]; });
            ranking.take(row, request.n_items, 0);
            ranking.finish(0);
            progress.add(1);
        }
    });
}

}  // namespace gingham
