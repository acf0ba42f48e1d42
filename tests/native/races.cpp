// Trains every loss on several threads, so that ThreadSanitizer finds races; `make sanitize` builds and runs it. It also
// compares the result with that of one thread.
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <utility>
#include <vector>

#include "losses.hpp"
#include "train.hpp"

using namespace gingham;

namespace {

constexpr int kUsers = 400, kItems = 150, kExamples = 6000, kComponents = 20, kBlock = 1024;
constexpr int kSharedFeatures = 5;

struct NoMonitor final : Monitor {
    bool poll(int64_t) override { return true; }
};

// Rows of features: an entity's own, and one that it shares with others.
struct Features {
    std::vector<int64_t> indptr{0};
    std::vector<int32_t> indices;
    std::vector<float> data;

    explicit Features(int entities) {
        for (int entity = 0; entity < entities; ++entity) {
            indices.insert(indices.end(), {entity, entities + entity % kSharedFeatures});
            data.insert(data.end(), {1.0f, 0.5f});
            indptr.push_back(static_cast<int64_t>(indices.size()));
        }
    }
};

// The arrays of a side. Without features, an entity is a row.
struct Entities {
    Features features;
    std::vector<float> state;
    std::vector<uint8_t> owners;
    Side side;

    Entities(int count, bool with_features, int parts, bool users) : features(count) {
        const int64_t width = padded_width(kComponents), rows = count + (with_features ? kSharedFeatures : 0);
        state.resize(rows * parts * width);
        for (int64_t row = 0; row < rows; ++row)
            for (int64_t j = 0; j < parts * width; ++j) {
                Random random(row, j);
                state[row * parts * width + j] =
                    j > kComponents && j < width ? 0 : static_cast<float>(random.below(1000)) / 4000 + (j < width ? 0 : 1);
            }
        for (int64_t row = 0; row < rows; ++row)
            owners.push_back(users && row < count ? kLaneOwned : static_cast<uint8_t>(row % kOwners));
        side.state = {state.data(), rows, parts * width};
        side.identity = !with_features;
        side.features = {features.indptr.data(), features.indices.data(), features.data.data(), count};
        side.owners = owners.data();
        side.penalty = {0.01f, 0.001f};
    }
};

struct Result {
    std::vector<float> users, items;
    double loss;
    bool operator==(const Result&) const = default;
};

template <class Loss, class Optimizer>
Result train(const Optimizer& optimizer, bool with_features, int num_threads) {
    Entities users(kUsers, with_features, Optimizer::kParts, true), items(kItems, with_features, Optimizer::kParts, false);
    std::vector<int32_t> user, item, pool;
    std::vector<float> target;
    std::vector<int64_t> lanes{0}, indptr{0};
    std::vector<int32_t> positives;
    const int per_user = kExamples / kUsers;
    for (int number = 0; number < kUsers; ++number) {
        for (int place = 0; place < per_user; ++place) {
            user.push_back(number);
            item.push_back((7 * number + place) % kItems);
            target.push_back(static_cast<float>(place % 2));
        }
        std::vector<int32_t> sorted(item.end() - per_user, item.end());
        std::sort(sorted.begin(), sorted.end());
        positives.insert(positives.end(), sorted.begin(), sorted.end());
        indptr.push_back(static_cast<int64_t>(positives.size()));
    }
    for (int lane = 1; lane <= kNumLanes; ++lane) lanes.push_back(int64_t{kUsers} * lane / kNumLanes * per_user);
    std::vector<int64_t> blocks;
    for (int64_t end = kBlock; end < kExamples; end += kBlock) blocks.push_back(end);
    blocks.push_back(kExamples);

    Examples examples;
    examples.user = user.data();
    examples.item = item.data();
    examples.target = target.data();
    examples.size = kExamples;
    examples.positives = {indptr.data(), positives.data(), nullptr, kUsers};
    examples.pool = item.data();
    examples.pool_size = kExamples;

    std::vector<float> cache(kItems * padded_width(kComponents));
    Epoch epoch{users.side, items.side, {}, kComponents, padded_width(kComponents), 3, {}};
    if (with_features) epoch.item_cache = {cache.data(), kItems, padded_width(kComponents)};
    epoch.plan = {lanes.data(), blocks.data(), static_cast<int64_t>(blocks.size())};
    NoMonitor monitor;
    bool completed = false;
    const double loss = train_epoch(epoch, Loss(examples, LossOptions{kItems, 10, 2, 5}), optimizer,
                                    AnyWidth{epoch.width}, num_threads, monitor, completed);
    return {std::move(users.state), std::move(items.state), completed ? loss : -1};
}

template <class Loss, class Optimizer>
bool same(const Optimizer& optimizer) {
    bool equal = true;
    for (const bool with_features : {false, true}) {
        const Result alone = train<Loss>(optimizer, with_features, 1);
        for (const int num_threads : {2, 3, 8, 16})
            equal = equal && train<Loss>(optimizer, with_features, num_threads) == alone;
    }
    if (!equal) std::printf("%s: the result depends on the number of threads\n", Loss::kName);
    return equal;
}

template <class Loss>
bool same() {
    const bool adagrad = same<Loss>(Adagrad{0.05f});
    return same<Loss>(Adadelta{0.95f, 1e-6f}) && adagrad;
}

}  // namespace

int main() {
    const bool results[] = {same<Logistic>(), same<Bpr>(), same<Warp>(), same<WarpKos>()};
    return results[0] && results[1] && results[2] && results[3] ? 0 : 1;
}
