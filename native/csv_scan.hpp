// One pass over the bytes of a CSV file: counts its records, finds those that programs read differently, and can write a
// copy that all of them read alike.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace gingham {

// What a scan counts, in the order of `gingham.tables.csv_scan.Counts`. Lines are counted from 1; the line of a problem
// is that of its first occurrence, 0 if there is none.
enum CsvSlot {
    kLine,         // where the next record starts
    kColumns,      // fields of the first record; the caller may set it before
    kRecords,      // records that are not blank, the header included
    kBlank,        // blank lines
    kInnerBlank,   // blank lines before the last record
    kLong,         // records with more fields than columns
    kLongLine,
    kShort,        // records with fewer fields than columns
    kShortLine,
    kQuoted,       // fields that start with a quotation mark
    kStray,        // quotation marks inside an unquoted field
    kStrayLine,
    kAfterQuote,   // quoted fields that are followed by text
    kAfterQuoteLine,
    kUnclosedLine, // where the field starts whose quotation mark is never closed
    kNul,          // NUL bytes
    kNulLine,
    kLoneCr,       // records that end with a carriage return only
    kHeaders,      // records that repeat the header
    kHeaderLine,
    kCopied,       // bytes written to the copy
    kCsvSlots
};

struct CsvFormat {
    char separator;         // or the first of two equal bytes
    int64_t width;          // of the separator: 1 or 2 bytes
    bool quoting;           // whether a quotation mark at the start of a field encloses it
    char copied_separator;  // the separator of the copy
    std::string_view header;  // the text of the first record; empty if there is no header, or it is quoted
};

// Plain lines are read in blocks of this many bytes, one bit for each.
inline constexpr int64_t kBlock = 64;

// The bits of the bytes of a block that are `wanted`. With a loop over bytes instead, counting took a third of the time
// of reading.
inline uint64_t matches(const char* block, char wanted) {
    uint64_t mask = 0;
#if defined(__SSE2__)
    const __m128i all = _mm_set1_epi8(wanted);
    for (int part = 0; part < 4; ++part) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block) + part);
        const auto bits = static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, all)));
        mask |= static_cast<uint64_t>(bits) << (16 * part);
    }
#else
    for (int64_t i = 0; i < kBlock; ++i) mask |= static_cast<uint64_t>(block[i] == wanted) << i;
#endif
    return mask;
}

// Reads whole records. In a copy, records end with a line feed, blank lines are left out, and an unquoted field with a
// quotation mark or the copy's separator is quoted.
template <bool kCopy>
class CsvScan {
  public:
    CsvScan(const CsvFormat& format, int64_t* counts, char* out) : format_(format), counts_(counts), out_(out) {}

    // Read all complete records, and the rest too if nothing follows; return how many bytes were read.
    int64_t run(const char* data, int64_t size, bool last) {
        const char *at = data, *const end = data + size;
        const char* const out_start = out_;
        while (at < end) {
            at = plain_lines(at, end);
            const char* next = record(at, end, last);
            if (next == nullptr) break;
            at = next;
        }
        if (kCopy) counts_[kCopied] += out_ - out_start;
        return at - data;
    }

  private:
    // Read lines without quotation marks, NUL bytes and lone carriage returns; return where the first record starts
    // that is not so simple, or whose end is too close to the end of the data.
    const char* plain_lines(const char* at, const char* end) {
        if (format_.width != 1) return at;
        const char* line = at;
        int64_t separators = 0;
        for (const char* block = at; end - block > kBlock; block += kBlock) {
            const uint64_t line_feeds = matches(block, '\n');
            uint64_t returns = matches(block, '\r') & ~(line_feeds >> 1);
            if (block[kBlock] == '\n') returns &= ~(uint64_t{1} << (kBlock - 1));
            uint64_t special = matches(block, '"') | matches(block, '\0') | returns;
            if (kCopy && format_.copied_separator != format_.separator)
                special |= matches(block, format_.copied_separator);
            // Only what is before the first special byte; for 0, everything.
            uint64_t ends = line_feeds & ((special & -special) - 1);
            uint64_t fields = matches(block, format_.separator);
            for (; ends != 0; ends &= ends - 1) {
                const int place = std::countr_zero(ends);
                const uint64_t before = (uint64_t{1} << place) - 1;
                plain_line(line, block + place, separators + std::popcount(fields & before));
                line = block + place + 1;
                fields &= ~before;
                separators = 0;
            }
            if (special != 0) return line;
            separators += std::popcount(fields);
        }
        return line;
    }

    void plain_line(const char* at, const char* line_feed, int64_t separators) {
        const char* stop = line_feed > at && line_feed[-1] == '\r' ? line_feed - 1 : line_feed;
        const bool blank = separators == 0 && is_blank(at, stop);
        if (kCopy && !blank) {
            for (const char* from = at; from < stop; ++from)
                *out_++ = *from == format_.separator ? format_.copied_separator : *from;
            *out_++ = '\n';
        }
        end_record(at, stop, separators + 1, blank, 1);
    }

    // Read any record; nullptr if it is not complete and more bytes follow.
    const char* record(const char* at, const char* end, bool last) {
        enum { kStart, kPlain, kQuotedField, kClosed } state = kStart;
        char *const out_start = out_, *field = out_;
        int64_t fields = 1, lines = 0, quote_line = 0;
        bool any_quoted = false, needs_quotes = false;
        const char* p = at;
        const auto finish_field = [&] {
            if (kCopy && needs_quotes) {
                std::memmove(field + 1, field, static_cast<size_t>(out_ - field));
                *field = '"';
                ++out_;
                *out_++ = '"';
            }
            needs_quotes = false;
        };
        // Counts of a record that is not complete would be counted again.
        int64_t before[kCsvSlots];
        std::copy(counts_, counts_ + kCsvSlots, before);
        const auto incomplete = [&]() -> const char* {
            std::copy(before, before + kCsvSlots, counts_);
            out_ = out_start;
            return nullptr;
        };
        const char* stop = end;
        for (; p < end; ) {
            const char c = *p;
            const bool ends_data = p + 1 == end;
            const bool is_cr = c == '\r';
            // What follows decides what these bytes are.
            if (ends_data && !last && (is_cr || c == '"' || c == format_.separator)) return incomplete();
            const bool crlf = is_cr && !ends_data && p[1] == '\n';
            if (c == '\0') count(kNul, kNulLine, lines);
            if (state == kQuotedField) {
                if (c == '"') {
                    if (!ends_data && p[1] == '"') {
                        put('"');
                        ++p;
                    } else {
                        state = kClosed;
                    }
                }
                lines += c == '\n' || (is_cr && !crlf);
                put(c);
                ++p;
                continue;
            }
            if (c == '\n' || is_cr) {
                counts_[kLoneCr] += is_cr && !crlf;
                stop = p;
                p += crlf ? 2 : 1;
                ++lines;
                break;
            }
            if (c == format_.separator && (format_.width == 1 || (!ends_data && p[1] == c))) {
                finish_field();
                put(format_.copied_separator);
                field = out_;
                ++fields;
                state = kStart;
                p += format_.width;
                continue;
            }
            if (c == '"' && format_.quoting && state == kStart) {
                state = kQuotedField;
                quote_line = counts_[kLine] + lines;
                ++counts_[kQuoted];
                any_quoted = true;
                put(c);
                ++p;
                continue;
            }
            if (state == kClosed) count(kAfterQuote, kAfterQuoteLine, lines);
            else if (c == '"' && format_.quoting) count(kStray, kStrayLine, lines);
            if (c == '"') put(c);
            needs_quotes |= c == '"' || (c == format_.copied_separator && c != format_.separator);
            put(c);
            state = kPlain;
            ++p;
        }
        // Without a line end, this is the last line of the file.
        if (p == end && !last && stop == end) return incomplete();
        if (state == kQuotedField && counts_[kUnclosedLine] == 0) counts_[kUnclosedLine] = quote_line;
        finish_field();
        const bool blank = fields == 1 && !any_quoted && is_blank(at, stop);
        if (kCopy && blank) out_ = out_start;
        if (kCopy && !blank) *out_++ = '\n';
        end_record(at, stop, fields, blank, std::max<int64_t>(lines, 1));
        return p;
    }

    void put(char c) {
        if (kCopy) *out_++ = c;
    }

    void count(CsvSlot number, CsvSlot line, int64_t lines) {
        if (counts_[number]++ == 0) counts_[line] = counts_[kLine] + lines;
    }

    // Spaces are a value where there is only one column.
    bool is_blank(const char* at, const char* stop) const {
        if (counts_[kColumns] == 1) return at == stop;
        return std::all_of(at, stop, [](char c) { return c == ' ' || c == '\t'; });
    }

    void end_record(const char* at, const char* stop, int64_t fields, bool blank, int64_t lines) {
        const std::string_view& header = format_.header;
        if (blank) {
            ++counts_[kBlank];
        } else {
            if (counts_[kColumns] == 0) counts_[kColumns] = fields;
            if (fields > counts_[kColumns]) count(kLong, kLongLine, 0);
            if (fields < counts_[kColumns]) count(kShort, kShortLine, 0);
            if (counts_[kRecords] > 0 && !header.empty() && std::string_view(at, static_cast<size_t>(stop - at)) == header)
                count(kHeaders, kHeaderLine, 0);
            counts_[kInnerBlank] = counts_[kBlank];
            ++counts_[kRecords];
        }
        counts_[kLine] += lines;
    }

    CsvFormat format_;
    int64_t* counts_;
    char* out_;
};

}  // namespace gingham
