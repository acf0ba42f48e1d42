// One epoch on any number of threads, with the same result. Each block has two phases. In the first, lanes train: they
// update the rows that only their users have, and queue the updates of shared rows. In the second, the queued updates of
// each shared row are applied in the order of lanes, by the one piece that owns the row. docs/design.md tells why.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "look_ahead.hpp"
#include "optimizer.hpp"
#include "parallel.hpp"
#include "step.hpp"
#include "updates.hpp"

namespace gingham {

template <class Loss, class Optimizer, class W>
class Trainer {
  public:
    Trainer(const Epoch& epoch, const Optimizer& optimizer, int num_threads, W width)
        : epoch_(epoch), optimizer_(optimizer), width_(width), orders_(epoch.plan, epoch.seed),
          n_threads_(useful_threads(num_threads)), n_pieces_(count_pieces()), n_slots_(lay_out()),
          user_rows_(n_slots_, width), differences_(shares_users() ? n_slots_ : 0, width), weights_(n_slots_),
          refreshed_(refresh(0, epoch.plan.largest_block()).last, width) {}

    // Return the sum of the steps' losses. The sum is meaningless if `completed` is false.
    double run(const Loss& shared, Monitor& monitor, bool& completed) {
        const Plan& plan = epoch_.plan;
        // The cache of items is computed before the first block, the scales are folded into the rows after the last one.
        Phases phases(static_cast<int32_t>(2 * plan.n_blocks + 2), n_pieces_);
        completed = run_threads(n_threads_, monitor, [&](int, Progress& progress) {
            const Loss loss = shared;  // a copy per thread: a loss may have scratch memory
            Rows scratch(1, width_);
            Step<W> step(epoch_.users, epoch_.items, epoch_.item_cache, epoch_.n_components, width_);
            const auto work = [&](int32_t phase, int piece) {
                if (phase == 0) return fill_cache(piece);
                if (phase == 2 * plan.n_blocks + 1) return fold_scales(piece);
                const Range block = plan.block((phase - 1) / 2);
                if (phase % 2 == 0) return apply(piece, block);
                train(loss, step, scratch.row(0), piece, block, progress);
            };
            phases.run(progress, work, [&](int32_t phase) {
                if (phase > 0 && phase % 2 == 0) shrink();
            });
        });
        double total = 0;
        for (const Lane& lane : lanes_) total += lane.loss;
        return total;
    }

  private:
    // So few steps of a block are not worth another thread, or another piece.
    static constexpr int64_t kStepsOfThread = 64, kStepsOfPiece = 128;
    static constexpr int kMostPieces = 16;
    // How many updates ahead the second phase fetches what it needs first, and then what that leads to.
    static constexpr int kFar = 12, kNear = 3;
    static constexpr FixedWidth<kRowAlignment> kRun{};
    // Sums of learning rates are integers, because their order varies.
    static constexpr double kRateUnit = double(int64_t{1} << 32);

    struct Lane {
        double loss = 0;
        int64_t rate = 0;  // the sum of learning rates, in units of 1 / kRateUnit
    };
    struct alignas(64) Piece {
        // By class of owners if items have no features; otherwise all updates are in the first.
        std::array<Queue, kOwners> items;
        Queue users;
        int64_t first_slot = 0, n_updates = 0, rate = 0;
    };

    int useful_threads(int num_threads) const {
        const int64_t useful = epoch_.plan.largest_block() / kStepsOfThread;
        return static_cast<int>(std::clamp<int64_t>(useful, 1, std::min(num_threads, kMostPieces)));
    }
    // A power of two: threads share the work evenly if there are several pieces for each; a single thread needs only one.
    int count_pieces() const {
        if (n_threads_ == 1) return 1;
        const auto useful = std::bit_floor(static_cast<uint64_t>(epoch_.plan.largest_block() / kStepsOfPiece));
        return static_cast<int>(std::clamp<uint64_t>(useful, Division::least_pieces(n_threads_), kMostPieces));
    }
    int64_t lay_out() {
        int64_t slots = 0;
        for (int piece = 0; piece < n_pieces_; ++piece) {
            pieces_[piece].first_slot = slots;
            slots += epoch_.plan.most_examples(lanes_of(piece)) + 1;
        }
        return slots;
    }
    Range lanes_of(int piece) const { return share(kNumLanes, piece, n_pieces_); }
    bool shares_users() const {
        const Side& users = epoch_.users;
        return !users.identity && std::any_of(users.owners, users.owners + users.state.rows,
                                              [](uint8_t owner) { return owner != kLaneOwned; });
    }
    bool scales() const { return epoch_.users.penalty.alpha != 0 || epoch_.items.penalty.alpha != 0; }
    bool caches() const { return Loss::kSearches && !epoch_.items.identity; }

    // First phase -----------------------------------------------------------------------------------------------------

    void train(const Loss& loss, Step<W>& step, float* scratch, int number, Range block, Progress& progress) {
        Piece& piece = pieces_[number];
        for (Queue& queue : piece.items) queue.clear();
        piece.users.clear();
        int64_t slot = piece.first_slot;
        LookAhead<Loss> look_ahead(epoch_, loss, orders_, lanes_of(number), block);
        while (const auto* planned = look_ahead.next()) {
            const Example& example = planned->example;
            Random random(epoch_.seed, planned->position);
            step.begin(example.user, user_rows_.row(slot), queues_users_ ? differences_.row(slot) : scratch);
            const Update update = loss.sample(step, example, random);
            if (update.item < 0) continue;
            Lane& lane = lanes_[planned->lane];
            lane.loss += update.loss;
            if (scales_) weights_[slot] = 1.0f / (count_rows(example.user, update) * (epoch_.n_components + 1));
            update_user(example.user, step.difference(), update.gradient, slot, piece, lane);
            queue_item(update.item, update.gradient, slot, piece);
            if (update.other >= 0) queue_item(update.other, -update.gradient, slot, piece);
            ++slot;
        }
        piece.n_updates = slot - piece.first_slot;
        progress.add(look_ahead.size());
        if (caches()) {
            const Range rows = share_of(refresh(block.first, block.last), number);
            for (int64_t at = rows.first; at < rows.last; ++at)
                epoch_.items.represent(refreshed_item(block, at), refreshed_.row(at), width_);
        }
    }

    void update_user(
        int64_t user, const float* direction, float gradient, int64_t slot, Piece& piece, Lane& lane) {
        const Side& users = epoch_.users;
        if (users.identity) {
            lane.rate += update_row(users, user, direction, gradient, slot, {0, width_});
            return;
        }
        bool shares = false;
        for (int64_t at = users.features.begin(user); at < users.features.end(user); ++at) {
            const int32_t row = users.features.indices[at];
            if (users.owners[row] == kLaneOwned)
                lane.rate += update_row(users, row, direction, gradient * users.features.data[at], slot, {0, width_});
            else
                shares = true;
        }
        if (shares) piece.users.push_back(queued(users, user, slot, gradient));
    }

    void queue_item(int32_t item, float gradient, int64_t slot, Piece& piece) const {
        const Side& items = epoch_.items;
        const int number = items.identity ? item_division_.class_of(items.owners[item]) : 0;
        piece.items[number].push_back(queued(items, item, slot, gradient));
    }

    static QueuedUpdate queued(const Side& side, int64_t entity, int64_t slot, float gradient) {
        const int64_t first = side.identity ? entity : side.features.begin(entity);
        const int64_t size = side.identity ? 1 : side.features.end(entity) - first;
        return {first, static_cast<int32_t>(size), static_cast<int32_t>(slot), gradient};
    }

    // Update some columns of a row; return its part in the step's mean learning rate. The columns are updated in runs of
    // one length, so that the result does not depend on how they are divided.
    int64_t update_row(const Side& side, int64_t row, const float* direction, float gradient, int64_t slot,
                       Range columns) const {
        float* state = side.state.row(row);
        int64_t rate = 0;
        for (int64_t first = columns.first; first < columns.last; first += kRowAlignment) {
            const Row parts{state + first, state + width_ + first, state + 2 * width_ + first};
            if (!scales_) {
                gingham::update(optimizer_, parts, direction + first, gradient, side.penalty.regularization, kRun);
                continue;
            }
            const int used = static_cast<int>(epoch_.n_components + 1 - first);
            const Penalty penalty{side.penalty.regularization / side.scale, side.penalty.alpha};
            const float sum = update_scaled(optimizer_, parts, direction + first, gradient, penalty, used, kRun);
            rate += std::llround(kRateUnit * weights_[slot] * sum);
        }
        return rate;
    }

    int64_t count_rows(int64_t user, const Update& update) const {
        const auto rows = [](const Side& side, int64_t entity) {
            return side.identity ? 1 : side.features.end(entity) - side.features.begin(entity);
        };
        const int64_t others = update.other < 0 ? 0 : rows(epoch_.items, update.other);
        return std::max<int64_t>(1, rows(epoch_.users, user) + rows(epoch_.items, update.item) + others);
    }

    // Second phase ----------------------------------------------------------------------------------------------------

    void apply(int number, Range block) {
        int64_t& rate = pieces_[number].rate;
        if (epoch_.items.identity)
            rate += apply_rows(number);
        else
            rate += apply_features(epoch_.items, item_division_, user_rows_, number,
                                   [](const Piece& piece) -> auto& { return piece.items[0]; });
        if (queues_users_)
            rate += apply_features(epoch_.users, user_division_, differences_, number,
                                   [](const Piece& piece) -> auto& { return piece.users; });
        if (!caches()) return;
        const Range rows = share_of(refresh(block.first, block.last), number);
        for (int64_t at = rows.first; at < rows.last; ++at)
            std::copy_n(refreshed_.row(at), epoch_.width, epoch_.item_cache.row(refreshed_item(block, at)));
    }

    // Apply the updates of a class of items that are rows themselves.
    int64_t apply_rows(int number) const {
        const Side& items = epoch_.items;
        int64_t rate = 0;
        for_each_queued(
            [&](const Piece& piece) -> auto& { return piece.items[number]; },
            [&](const QueuedUpdate& later) {
                prefetch_row(items.state.row(later.row), items.state.stride);
                prefetch_row(user_rows_.row(later.slot), width_);
            },
            [](const QueuedUpdate&) {},
            [&](const QueuedUpdate& update) {
                rate += update_row(items, update.row, user_rows_.row(update.slot), update.gradient, update.slot,
                                   {0, width_});
            });
        return rate;
    }

    // Apply the updates of the shared rows of features, or of the columns and the class of them that belong to a piece.
    //
    // A feature that two items of a step have is updated in both directions and hardly moves, but both gradients enter the
    // optimizer's memory, as in LightFM. Without them, steps stay too large with adagrad and never grow with adadelta.
    template <class QueueOf>
    int64_t apply_features(
        const Side& side, const Division& division, const Rows& vectors, int number, QueueOf queue_of) const {
        const int own_class = number % division.n_classes;
        const Range columns = division.part(number, width_);
        if (columns.first >= columns.last) return 0;
        int64_t rate = 0;
        for_each_queued(
            queue_of,
            [&](const QueuedUpdate& later) {
                prefetch(side.features.indices + later.row);
                prefetch(side.features.data + later.row);
                prefetch(side.features.indices + later.row + later.size);
                prefetch(side.features.data + later.row + later.size);
            },
            [&](const QueuedUpdate& later) {
                const int64_t length = columns.last - columns.first;
                prefetch_row(vectors.row(later.slot) + columns.first, length);
                if (later.size == 0) return;
                const float* row = side.state.row(side.features.indices[later.row]) + columns.first;
                for (int part = 0; part < Optimizer::kParts; ++part) prefetch_row(row + part * width_, length);
            },
            [&](const QueuedUpdate& update) {
                const float* vector = vectors.row(update.slot);
                for (int64_t at = update.row; at < update.row + update.size; ++at) {
                    const int32_t row = side.features.indices[at];
                    const uint8_t owner = side.owners[row];
                    if (owner == kLaneOwned || division.class_of(owner) != own_class) continue;
                    rate += update_row(side, row, vector, update.gradient * side.features.data[at], update.slot, columns);
                }
            });
        return rate;
    }

    // Visit the updates of the pieces' queues in the order of lanes; visit each before that, some updates ahead.
    template <class QueueOf, class Far, class Near, class Visit>
    void for_each_queued(QueueOf queue_of, Far far, Near near, Visit visit) const {
        Cursor<QueueOf> farther{*this, queue_of}, nearer{*this, queue_of}, current{*this, queue_of};
        const auto advance = [](auto& cursor, auto& function) {
            if (const QueuedUpdate* update = cursor.next()) function(*update);
        };
        for (int update = 0; update < kFar; ++update) advance(farther, far);
        for (int update = 0; update < kNear; ++update) advance(nearer, near);
        while (const QueuedUpdate* update = current.next()) {
            advance(farther, far);
            advance(nearer, near);
            visit(*update);
        }
    }

    template <class QueueOf>
    struct Cursor {
        const Trainer& trainer;
        QueueOf queue_of;
        int piece = 0;
        size_t at = 0;

        const QueuedUpdate* next() {
            for (; piece < trainer.n_pieces_; ++piece, at = 0) {
                const Queue& queue = queue_of(trainer.pieces_[piece]);
                if (at < queue.size()) return &queue[at++];
            }
            return nullptr;
        }
    };

    // The search's cache ----------------------------------------------------------------------------------------------

    // Some representations are recomputed in each block: in the first phase, when parameters don't change, into memory
    // that the second phase copies into the cache, when no step reads it.
    Range refresh(int64_t first, int64_t last) const {
        return {0, caches() ? std::min(epoch_.item_cache.rows, Optimizer::kRefreshes * (last - first)) : 0};
    }
    int64_t refreshed_item(Range block, int64_t at) const {
        return (Optimizer::kRefreshes * block.first + at) % epoch_.item_cache.rows;
    }
    Range share_of(Range range, int piece) const { return share(range.last, piece, n_pieces_); }

    void fill_cache(int piece) const {
        if (!caches()) return;
        const Range items = share(epoch_.item_cache.rows, piece, n_pieces_);
        for (int64_t item = items.first; item < items.last; ++item)
            epoch_.items.represent(item, epoch_.item_cache.row(item), width_);
    }

    // Shrinking -------------------------------------------------------------------------------------------------------

    // Grow the scales of both sides by what the steps of a block ask for.
    void shrink() {
        if (!scales_) return;
        int64_t total = 0, n_steps = 0;
        for (Lane& lane : lanes_) total += std::exchange(lane.rate, 0);
        for (Piece& piece : pieces_) {
            total += std::exchange(piece.rate, 0);
            n_steps += piece.n_updates;
        }
        if (n_steps == 0) return;
        const double rate = total / kRateUnit / n_steps;
        for (Side* side : {&epoch_.users, &epoch_.items}) {
            const double growth = std::exp(std::min(n_steps * std::log1p(side->penalty.alpha * rate), kMostGrowth));
            side->scale = static_cast<float>(side->scale * growth);
            if (side->scale <= kMostScale) continue;
            for (int piece = 0; piece < n_pieces_; ++piece) fold_scale(*side, piece);
            side->scale = 1;
        }
    }

    // Rows are divided by a scale above this, as in LightFM; the scale of a block can't overflow.
    static constexpr float kMostScale = 1e6f;
    static constexpr double kMostGrowth = 60;

    void fold_scales(int piece) const {
        fold_scale(epoch_.users, piece);
        fold_scale(epoch_.items, piece);
    }
    void fold_scale(const Side& side, int piece) const {
        if (side.scale == 1) return;
        const Range rows = share(side.state.rows, piece, n_pieces_);
        for (int64_t row = rows.first; row < rows.last; ++row)
            for (int64_t j = 0; j < width_; ++j) side.state.row(row)[j] /= side.scale;
    }

    Epoch epoch_;
    Optimizer optimizer_;
    W width_;
    Orders orders_;
    int n_threads_, n_pieces_;
    std::array<Piece, kMostPieces> pieces_;
    std::array<Lane, kNumLanes> lanes_;
    Division item_division_{epoch_.items, width_, n_pieces_, n_threads_};
    Division user_division_{epoch_.users, width_, n_pieces_, n_threads_};
    int64_t n_slots_;
    bool queues_users_ = shares_users(), scales_ = scales();
    Rows user_rows_, differences_;  // by slot: the user's vector, and the direction of the user's gradient
    std::vector<float> weights_;    // by slot: one divided by the number of parameters that the step updates
    Rows refreshed_;
};

template <class Loss, class Optimizer, class W>
double train_epoch(const Epoch& epoch, const Loss& loss, const Optimizer& optimizer, W width, int num_threads,
                   Monitor& monitor, bool& completed) {
    return Trainer<Loss, Optimizer, W>(epoch, optimizer, num_threads, width).run(loss, monitor, completed);
}

}  // namespace gingham
