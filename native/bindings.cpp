// The Python boundary: checks arguments, releases the GIL, maps errors. It contains no algorithm.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "arguments.hpp"
#include "csv_scan.hpp"
#include "lists.hpp"
#include "look_up.hpp"
#include "losses.hpp"
#include "numbering.hpp"
#include "optimizer.hpp"
#include "rank.hpp"
#include "shared.hpp"
#include "train.hpp"

using namespace nanobind::literals;

namespace gingham {

// Defined in als_bindings.cpp.
void bind_als(nb::module_& module);

namespace {

// Counts and sizes of files stay far below this, so their sums cannot overflow.
constexpr int64_t kMaxCount = int64_t{1} << 60;
constexpr int64_t kMaxBlocks = int64_t{1} << 29, kMaxBlock = int64_t{1} << 20;

struct Schedule {
    std::string name;
    float learning_rate, rho, epsilon;
};

template <class Loss, class Optimizer>
double run_epoch(const Epoch& epoch, const Loss& loss, const Optimizer& optimizer, int num_threads, Monitor& monitor) {
    const int64_t length = Optimizer::kParts * epoch.width;
    require(epoch.users.state.stride == length && epoch.items.state.stride == length,
            "the length of a row of state must be the number of the optimizer's parts times the width");
    bool completed = false;
    switch (epoch.width) {
        case 32: return train_epoch(epoch, loss, optimizer, FixedWidth<32>{}, num_threads, monitor, completed);
        case 56: return train_epoch(epoch, loss, optimizer, FixedWidth<56>{}, num_threads, monitor, completed);
        case 72: return train_epoch(epoch, loss, optimizer, FixedWidth<72>{}, num_threads, monitor, completed);
        default: return train_epoch(epoch, loss, optimizer, AnyWidth{epoch.width}, num_threads, monitor, completed);
    }
}

template <class Loss>
double with_optimizer(
    const Epoch& epoch, const Loss& loss, const Schedule& schedule, int num_threads, Monitor& monitor) {
    const auto run = [&](const auto& optimizer) { return run_epoch(epoch, loss, optimizer, num_threads, monitor); };
    if (schedule.name == "adagrad") return run(Adagrad{schedule.learning_rate});
    if (schedule.name == "adadelta") return run(Adadelta{schedule.rho, schedule.epsilon});
    throw std::invalid_argument("unknown learning schedule " + schedule.name);
}

Plan plan(const PlanArrays& arrays, const Examples& examples) {
    const auto& [lanes, blocks] = arrays;
    require_array(lanes);
    require_array(blocks);
    const Plan plan{lanes.data(), blocks.data(), static_cast<int64_t>(blocks.shape(0))};
    require(lanes.shape(0) == kNumLanes + 1 && plan.lanes[0] == 0 && plan.size() == examples.size,
            "lanes must run from 0 to the number of examples in 64 steps");
    for (int lane = 0; lane < kNumLanes; ++lane)
        require(plan.lanes[lane] <= plan.lanes[lane + 1], "lanes must not decrease");
    require(plan.n_blocks < kMaxBlocks, "blocks must have fewer than 2^29 numbers");
    int64_t end = 0;
    for (int64_t number = 0; number < plan.n_blocks; ++number) {
        require(end < plan.blocks[number] && plan.blocks[number] <= examples.size, "blocks must ascend");
        end = plan.blocks[number];
    }
    require(end == examples.size, "blocks must end with the number of examples");
    require(plan.largest_block() <= kMaxBlock, "a block must have at most 2^20 examples");
    return plan;
}

// Several threads would write to a row that lanes have in common, unless it has an owner.
void require_owners(const Plan& plan, const Examples& examples, const Side& users, const Side& items) {
    for (int64_t row = 0; row < items.state.rows; ++row)
        require(items.owners[row] < kOwners, "an owner of an item's row is out of range");
    std::vector<int8_t> lanes(users.state.rows, -1);
    for (int64_t row = 0; row < users.state.rows; ++row)
        require(users.owners[row] < kOwners || users.owners[row] == kLaneOwned, "an owner of a user's row is out of range");
    int64_t next = 0;  // after the users of the lanes so far
    for (int lane = 0; lane < kNumLanes; ++lane) {
        const int64_t begin = plan.lanes[lane], end = plan.lanes[lane + 1];
        if (begin == end) continue;
        const auto [least, most] = std::minmax_element(examples.user + begin, examples.user + end);
        require(*least >= next, "a lane must have the users after those of the lanes before it");
        next = int64_t{*most} + 1;
        if (users.identity) continue;
        for (int64_t at = users.features.begin(*least); at < users.features.end(*most); ++at) {
            const int32_t row = users.features.indices[at];
            if (users.owners[row] != kLaneOwned) continue;
            require(lanes[row] < 0 || lanes[row] == lane, "users of several lanes have a row without an owner");
            lanes[row] = static_cast<int8_t>(lane);
        }
    }
}

int64_t padded_width_py(int64_t n_components) {
    require_count(n_components, "n_components must be from 0 to 2147483647");
    return padded_width(n_components);
}

double train_epoch_py(
    const std::string& loss, const std::string& schedule, const ExampleArrays& example_arrays,
    const PositiveArrays& positives, const Vector<const int32_t>& pool, const SideArrays& users, const SideArrays& items,
    const std::optional<Table<float>>& item_cache, int n_components, int64_t n_items, float learning_rate, float rho,
    float epsilon, int max_sampled, int k, int n, uint64_t seed, const PlanArrays& plan_arrays, int num_threads,
    nb::object progress) {
    const int64_t width = padded_width_py(n_components);
    require_count(n_items, "n_items must be from 0 to 2147483647");
    Epoch epoch{side(users), side(items), {}, n_components, width, seed, {}};
    const auto& [user, item, weight, target] = example_arrays;
    require_array(user);
    require_array(item);
    Examples examples;
    examples.size = static_cast<int64_t>(user.shape(0));
    require(static_cast<int64_t>(item.shape(0)) == examples.size, "item and user must be equally long");
    require(!weight || static_cast<int64_t>(weight->shape(0)) == examples.size, "weight must be as long as user");
    require(!target || static_cast<int64_t>(target->shape(0)) == examples.size, "target must be as long as user");
    examples.user = user.data();
    examples.item = item.data();
    examples.weight = weight ? weight->data() : nullptr;
    examples.target = target ? target->data() : nullptr;
    examples.positives = sorted_pattern(std::get<0>(positives), std::get<1>(positives), n_items);
    const auto& positive_weights = std::get<2>(positives);
    require(!positive_weights || static_cast<int64_t>(positive_weights->shape(0)) == examples.positives.size(),
            "positives must all have a weight, or none of them");
    examples.positives.data = positive_weights ? positive_weights->data() : nullptr;
    examples.pool = pool.data();
    examples.pool_size = static_cast<int64_t>(pool.shape(0));
    require(within(examples.user, examples.size, examples.positives.rows),
            "a user index is out of range: positives has too few rows");
    require(within(examples.item, examples.size, n_items), "an item index is out of range");
    require(within(examples.pool, examples.pool_size, n_items), "an item index of pool is out of range");
    require(max_sampled > 0 && k > 0 && n >= k, "max_sampled and k must be at least 1, and n at least k");
    require_threads(num_threads);
    require(epoch.users.entities() >= examples.positives.rows, "users must have a row for each row of positives");
    require(epoch.items.entities() >= n_items, "items must have a row for each item");
    if (!epoch.items.identity) {
        require(item_cache.has_value(), "item_cache is required for items with features");
        epoch.item_cache = matrix(*item_cache);
        require(epoch.item_cache.rows == n_items && epoch.item_cache.stride == width,
                "item_cache must hold a row for each item");
    }
    epoch.plan = plan(plan_arrays, examples);
    require_owners(epoch.plan, examples, epoch.users, epoch.items);
    const Schedule steps{schedule, learning_rate, rho, epsilon};
    double total = 0;
    without_gil(std::move(progress), [&](Monitor& monitor) {
        total = AllLosses::with(loss, examples, LossOptions{n_items, max_sampled, k, n}, [&](const auto& chosen) {
            return with_optimizer(epoch, chosen, steps, num_threads, monitor);
        });
    });
    return total;
}

void represent(const CsrArrays& features, const Table<float>& state, const Table<float>& out) {
    Side side;
    side.features = csr(features);
    side.state = matrix(state);
    require(within(side.features.indices, side.features.size(), side.state.rows),
            "a feature index is out of range: state has too few rows");
    const Matrix rows = matrix(out);
    require(rows.rows == side.features.rows && rows.stride <= side.state.stride,
            "out must hold a row for each row of features");
    const nb::gil_scoped_release release;
    for (int64_t row = 0; row < rows.rows; ++row) side.represent(row, rows.row(row), AnyWidth{rows.stride});
}

RankRequest request(
    int64_t n_users, int64_t n_items, const std::optional<Pattern>& seen, const std::optional<Pattern>& test,
    const std::optional<Table<int32_t>>& top_items, const std::optional<Table<float>>& top_scores,
    const std::optional<Vector<int32_t>>& ranks, const std::optional<Vector<double>>& mid_ranks,
    const std::optional<Vector<int32_t>>& ties) {
    RankRequest request;
    request.n_users = n_users;
    request.n_items = n_items;
    if (seen) request.seen = sorted_pattern(std::get<0>(*seen), std::get<1>(*seen), n_items);
    require(!seen || request.seen.rows == n_users, "seen must have a row for each user");
    if (test) {
        request.test = sorted_pattern(std::get<0>(*test), std::get<1>(*test), n_items);
        require(request.test.rows == n_users, "test must have a row for each user");
        const auto has_size = [&](const auto& answer) {
            return answer && static_cast<int64_t>(answer->shape(0)) == request.test.size();
        };
        require(has_size(ranks) && has_size(mid_ranks) && has_size(ties),
                "ranks, mid_ranks and ties must be as long as the entries of test");
        request.ranks = ranks->data();
        request.mid_ranks = mid_ranks->data();
        request.ties = ties->data();
    }
    if (top_items) {
        require(top_scores && static_cast<int64_t>(top_items->shape(0)) == n_users &&
                    static_cast<int64_t>(top_scores->shape(0)) == n_users &&
                    top_items->shape(1) == top_scores->shape(1),
                "top_items and top_scores must have the shape (users, k)");
        request.k = static_cast<int64_t>(top_items->shape(1));
        request.top_items = top_items->data();
        request.top_scores = top_scores->data();
    }
    return request;
}

void rank_representations_py(
    const Table<float>& users, const Table<float>& items, int64_t n_components, const std::optional<Pattern>& seen,
    const std::optional<Pattern>& test, const std::optional<Table<int32_t>>& top_items,
    const std::optional<Table<float>>& top_scores, const std::optional<Vector<int32_t>>& ranks,
    const std::optional<Vector<double>>& mid_ranks, const std::optional<Vector<int32_t>>& ties, int num_threads,
    nb::object progress) {
    const Matrix user_rows = matrix(users), item_rows = matrix(items);
    require_threads(num_threads);
    require(n_components >= 0, "n_components must not be negative");
    require(n_components < user_rows.stride && n_components < item_rows.stride,
            "rows must be longer than n_components");
    const RankRequest rank_request =
        request(user_rows.rows, item_rows.rows, seen, test, top_items, top_scores, ranks, mid_ranks, ties);
    without_gil(std::move(progress), [&](Monitor& monitor) {
        RepresentationRanker(rank_request, user_rows, item_rows, n_components).run(num_threads, monitor);
    });
}

void rank_scores_py(
    const Table<float>& scores, const std::optional<Pattern>& seen, const std::optional<Pattern>& test,
    const std::optional<Table<int32_t>>& top_items, const std::optional<Table<float>>& top_scores,
    const std::optional<Vector<int32_t>>& ranks, const std::optional<Vector<double>>& mid_ranks,
    const std::optional<Vector<int32_t>>& ties, int num_threads) {
    const Matrix rows{scores.data(), static_cast<int64_t>(scores.shape(0)), static_cast<int64_t>(scores.shape(1))};
    require_threads(num_threads);
    const RankRequest rank_request =
        request(rows.rows, rows.stride, seen, test, top_items, top_scores, ranks, mid_ranks, ties);
    without_gil(nb::none(), [&](Monitor& monitor) { rank_scores(rank_request, rows, num_threads, monitor); });
}

void rank_shared_py(
    const Vector<const float>& shared, const CsrArrays& own, const std::optional<Pattern>& seen,
    const std::optional<Pattern>& test, const std::optional<Table<int32_t>>& top_items,
    const std::optional<Table<float>>& top_scores, const std::optional<Vector<int32_t>>& ranks,
    const std::optional<Vector<double>>& mid_ranks, const std::optional<Vector<int32_t>>& ties, int num_threads) {
    const int64_t n_items = static_cast<int64_t>(shared.shape(0));
    require_threads(num_threads);
    Csr scores = sorted_pattern(std::get<0>(own), std::get<1>(own), n_items);
    scores.data = csr(own).data;
    const RankRequest rank_request =
        request(scores.rows, n_items, seen, test, top_items, top_scores, ranks, mid_ranks, ties);
    without_gil(nb::none(),
                [&](Monitor& monitor) { SharedRanker(rank_request, shared.data(), scores).run(num_threads, monitor); });
}

Lists lists(const Table<const int32_t>& items, int64_t n_items) {
    require_count(n_items, "the number of items must be from 0 to 2147483647");
    const Lists lists{items.data(), static_cast<int64_t>(items.shape(0)), static_cast<int64_t>(items.shape(1))};
    for (int64_t at = 0; at < lists.n_users * lists.k; ++at)
        require(items.data()[at] >= -1 && items.data()[at] < n_items, "an item index is out of range");
    return lists;
}

template <class T>
void require_shape(const Lists& lists, const Table<T>& out) {
    require(static_cast<int64_t>(out.shape(0)) == lists.n_users && static_cast<int64_t>(out.shape(1)) == lists.k,
            "out must have the shape of items");
}

void mark_repeats_py(const Table<const int32_t>& items, const Pattern& had, int64_t n_items, const Table<bool>& out) {
    const Lists checked = lists(items, n_items);
    const Csr history = sorted_pattern(std::get<0>(had), std::get<1>(had), n_items);
    require(history.rows == checked.n_users, "had must have a row for each row of items");
    require_shape(checked, out);
    const nb::gil_scoped_release release;
    mark_repeats(checked, history, out.data());
}

void sum_products_py(const Table<const int32_t>& items, const CsrArrays& features, int64_t n_features,
                     const Table<double>& out) {
    const Csr rows = csr(features);
    const Lists checked = lists(items, rows.rows);
    require_count(n_features, "n_features must be from 0 to 2147483647");
    require(within(rows.indices, rows.size(), n_features), "a feature index is out of range");
    require_shape(checked, out);
    const nb::gil_scoped_release release;
    sum_products(checked, rows, n_features, out.data());
}

int64_t number_keys_py(
    const Vector<const uint64_t>& hashes, const Vector<const uint64_t>& others, const Table<uint64_t>& table,
    int64_t n_keys, const Vector<uint32_t>& numbers, const Vector<int64_t>& firsts) {
    const int64_t size = static_cast<int64_t>(hashes.shape(0));
    const KeyTable keys{table.data(), static_cast<int64_t>(table.shape(0))};
    require(static_cast<int64_t>(others.shape(0)) == size && static_cast<int64_t>(numbers.shape(0)) == size &&
                static_cast<int64_t>(firsts.shape(0)) == size,
            "others, numbers and firsts must be as long as hashes");
    require(table.shape(1) == 3 && keys.slots > 0 && (keys.slots & (keys.slots - 1)) == 0,
            "table must have three columns, and its number of rows must be a power of two");
    require_count(n_keys, "table is too small for this many keys: known must be from 0 to 2147483647");
    require(n_keys + size < keys.slots, "table is too small for this many keys");
    int64_t now = 0;
    {
        const nb::gil_scoped_release release;
        now = number_keys(hashes.data(), others.data(), size, keys, n_keys, numbers.data(), firsts.data());
    }
    require(now >= 0, "table has no free row: it holds more keys than known");
    return now;
}

int64_t scan_csv_py(
    const Vector<const uint8_t>& data, bool last, const std::string& separator, bool quoting,
    const std::string& header, const Vector<int64_t>& counts, const std::string& copied_separator,
    const std::optional<Vector<uint8_t>>& out) {
    const auto is_separator = [](char c) { return c != '"' && c != '\n' && c != '\r' && c != '\0'; };
    require(separator.size() == 1 || (separator.size() == 2 && separator[0] == separator[1]),
            "separator must be one byte, or two equal bytes");
    require(copied_separator.size() == 1, "copied_separator must be one byte");
    require(is_separator(separator[0]) && is_separator(copied_separator[0]),
            "a separator must not be a quotation mark, a line end or NUL");
    require(counts.shape(0) == kCsvSlots, "counts must have one entry for each count");
    for (int64_t slot = 0; slot < kCsvSlots; ++slot)
        require(counts.data()[slot] >= 0 && counts.data()[slot] < kMaxCount, "a count is out of range");
    const int64_t size = static_cast<int64_t>(data.shape(0));
    require(!out || static_cast<int64_t>(out->shape(0)) > 4 * size, "out must be more than four times as long as data");
    const CsvFormat format{separator[0], static_cast<int64_t>(separator.size()), quoting, copied_separator[0],
                           header};
    const auto* bytes = reinterpret_cast<const char*>(data.data());
    char* copy = out ? reinterpret_cast<char*>(out->data()) : nullptr;
    const nb::gil_scoped_release release;
    if (!out) return CsvScan<false>(format, counts.data(), nullptr).run(bytes, size, last);
    return CsvScan<true>(format, counts.data(), copy).run(bytes, size, last);
}

void look_up_py(const nb::dict& numbers, const nb::list& keys, const Vector<int32_t>& out) {
    require(out.shape(0) == keys.size(), "out must be as long as keys");
    if (!look_up(numbers.ptr(), keys.ptr(), out.data())) throw nb::python_error();
}

// Return the suffix of the module that was compiled for the best instruction set of this machine.
const char* best_module() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return "v4";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2"))
        return "v3";
    return "v2";
#else
    return "base";
#endif
}

}  // namespace

NB_MODULE(GINGHAM_MODULE, module) {
    bind_als(module);
    module.def("best_module", &best_module);
    module.def("padded_width", &padded_width_py, "n_components"_a);
    module.def("train_epoch", &train_epoch_py, nb::kw_only(), "loss"_a, "schedule"_a, "examples"_a.noconvert(),
               "positives"_a.noconvert(), "pool"_a.noconvert(), "users"_a.noconvert(), "items"_a.noconvert(),
               "item_cache"_a.noconvert().none(), "n_components"_a, "n_items"_a, "learning_rate"_a, "rho"_a,
               "epsilon"_a, "max_sampled"_a, "k"_a, "n"_a, "seed"_a, "plan"_a.noconvert(),
               "num_threads"_a, "progress"_a.none());
    module.def("represent", &represent, nb::kw_only(), "features"_a.noconvert(), "state"_a.noconvert(),
               "out"_a.noconvert());
    module.def("rank_representations", &rank_representations_py, nb::kw_only(), "users"_a.noconvert(),
               "items"_a.noconvert(), "n_components"_a, "seen"_a.noconvert().none(), "test"_a.noconvert().none(),
               "top_items"_a.noconvert().none(), "top_scores"_a.noconvert().none(), "ranks"_a.noconvert().none(),
               "mid_ranks"_a.noconvert().none(), "ties"_a.noconvert().none(), "num_threads"_a, "progress"_a.none());
    module.def("rank_scores", &rank_scores_py, nb::kw_only(), "scores"_a.noconvert(), "seen"_a.noconvert().none(),
               "test"_a.noconvert().none(), "top_items"_a.noconvert().none(), "top_scores"_a.noconvert().none(),
               "ranks"_a.noconvert().none(), "mid_ranks"_a.noconvert().none(), "ties"_a.noconvert().none(),
               "num_threads"_a);
    module.def("number_keys", &number_keys_py, nb::kw_only(), "hashes"_a.noconvert(), "others"_a.noconvert(),
               "table"_a.noconvert(), "known"_a, "numbers"_a.noconvert(), "firsts"_a.noconvert());
    module.def("scan_csv", &scan_csv_py, nb::kw_only(), "data"_a.noconvert(), "last"_a, "separator"_a, "quoting"_a,
               "header"_a, "counts"_a.noconvert(), "copied_separator"_a, "out"_a.noconvert().none());
    module.def("look_up", &look_up_py, nb::kw_only(), "numbers"_a, "keys"_a, "out"_a.noconvert());
    module.def("mark_repeats", &mark_repeats_py, nb::kw_only(), "items"_a.noconvert(), "had"_a.noconvert(), "n_items"_a,
               "out"_a.noconvert());
    module.def("sum_products", &sum_products_py, nb::kw_only(), "items"_a.noconvert(), "features"_a.noconvert(),
               "n_features"_a, "out"_a.noconvert());
    module.def("rank_shared", &rank_shared_py, nb::kw_only(), "shared"_a.noconvert(), "own"_a.noconvert(),
               "seen"_a.noconvert().none(), "test"_a.noconvert().none(), "top_items"_a.noconvert().none(),
               "top_scores"_a.noconvert().none(), "ranks"_a.noconvert().none(), "mid_ranks"_a.noconvert().none(),
               "ties"_a.noconvert().none(), "num_threads"_a);
}

}  // namespace gingham
