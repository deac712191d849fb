#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mime/encoded_word.h"
#include "mime/repair.h"

namespace hikyaku::mime {

/// One header field, as it was found and as it should be.
struct FieldReport {
  std::string name;      ///< as written; empty for a line that is no field
  std::size_t line = 0;  ///< of its first line in the section, from 1
  std::string text;      ///< its value decoded, UTF-8
  std::string before;    ///< its octets as found, with line ends; at most the first 1000
  std::string
      after;  ///< the repaired field, with line ends; at most the first 1000. Empty where nothing is wrong
  Repairs repairs;  ///< `where` counts from behind the colon
};

struct HeaderReport {
  std::vector<FieldReport> fields;  ///< those with repairs alone; at most 1000
  std::size_t fields_seen = 0;
  std::size_t more = 0;  ///< fields with repairs beyond the 1000
  std::string repaired;  ///< the whole section, each line ending in CRLF; fields without repairs, and raw
                         ///< octets in fields for machines (Message-ID, Received), as they were
};

/// "subject: shift state carried over two encoded words; joined before decoding": one line for each repair.
std::string repair_line(const FieldReport& field, const Repair& repair);

/// Examines a header section (mail::find_header_end() finds it), all fields. `how` encodes the repaired
/// fields. Bounded: O(size), the repaired section at most 16 times the size of `section` and 1 KiB a field.
HeaderReport examine_header(std::string_view section, const HeaderEncoding& how = {});

}  // namespace hikyaku::mime
