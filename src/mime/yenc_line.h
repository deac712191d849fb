#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku::mime {

/// The lines of yEnc (draft 1.3) that are not data, without their line ends. Each parse() gives nullopt for
/// any other line.
struct YencBegin {
  std::uint64_t size = 0, part = 0, total = 0;  ///< part 0: in one part
  std::string name;
  static std::optional<YencBegin> parse(std::string_view line);
};
/// Octets `begin` (from 0) up to `end` of the file. The line counts from 1.
struct YencPart {
  std::uint64_t begin = 0, end = 0;
  static std::optional<YencPart> parse(std::string_view line);
};
struct YencEnd {
  std::optional<std::uint64_t> size;
  std::optional<std::uint32_t> checksum, part_checksum;  ///< crc32=, pcrc32=
  static std::optional<YencEnd> parse(std::string_view line);
};

/// Appends what the data `octets` say; line ends say nothing. `escaped`: they follow a "=", and whether more
/// must follow them. False: an escape at the end of a line, which was left out.
bool decode_yenc(std::string_view octets, bool& escaped, std::string& out);

}  // namespace hikyaku::mime
