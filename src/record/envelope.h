#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::record {

/// What a list of messages shows of one, so that no body is read for it: the fields of RFC 9051's ENVELOPE as
/// they stand in the header, not decoded.
struct Envelope {
  /// The first field of a name. Empty and size 0: the message has none.
  struct Field {
    std::uint64_t offset = 0;  ///< of its value in the body, octets from the beginning
    std::uint64_t size = 0;    ///< of its value with the folds, without the last line end
    std::string value;         ///< the first kLongest octets of it; without white space around it
    bool operator==(const Field&) const = default;
  };
  static constexpr std::size_t kLongest = 2048;
  enum Name : unsigned char {
    date,
    subject,
    from,
    sender,
    reply_to,
    to,
    cc,
    message_id,
    in_reply_to,
    content_type,
  };
  static constexpr std::size_t kNames = 10;

  std::uint64_t header_size = 0;  ///< octets of the header section, with the empty line
  std::array<Field, kNames> fields;
  const Field& operator[](Name name) const { return fields[name]; }
  bool operator==(const Envelope&) const = default;
};

/// Takes it from a header section (with or without the empty line). Pure; O(size).
Envelope summarize(std::string_view header_section);

/// The stored form is framed as that of QueueEntry, and fails to decode in the same ways.
std::string encode(const Envelope& envelope);
Result<Envelope> decode_envelope(std::string_view stored);

}  // namespace hikyaku::record
