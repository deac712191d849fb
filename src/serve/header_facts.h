#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "record/envelope.h"

namespace hikyaku::serve {

/// What a delivery into mailboxes wants to know of a header section.
struct HeaderFacts {
  std::vector<std::string> delivered_to;  ///< values of Delivered-To (RFC 9228), without white space around
  record::Envelope envelope;
};

/// Pure; O(size).
HeaderFacts read_header(std::string_view header_section);

}  // namespace hikyaku::serve
