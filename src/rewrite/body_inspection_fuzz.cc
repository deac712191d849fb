#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "rewrite/rewriter.h"
#include "table/fixed_contents.h"

namespace {

using namespace hikyaku;

rewrite::Settings settings() {
  rewrite::Settings settings;
  const table::Maps none(
      {std::make_shared<table::FixedTable>("hash:t", table::load_fixed("never-there DUNNO\n", 1).contents)});
  settings.mime_header_checks = {"mime_header_checks", "s", none, {}};
  settings.nested_header_checks = {"nested_header_checks", "s", none, {}};
  settings.body_checks = {"body_checks", "s", none, {}};
  return settings;
}

std::string lines_with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\r') continue;
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

}  // namespace

// With checks that never hit, a body is the same in whatever pieces it comes, and loses no octet.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const rewrite::Rewriter rewriter(settings());
  const std::string text = lines_with_crlf({reinterpret_cast<const char*>(data), size});
  const auto split = text.find("\r\n\r\n");
  const auto section = std::string_view(text).substr(0, split == std::string::npos ? 0 : split + 2);
  const auto body = std::string_view(text).substr(split == std::string::npos ? 0 : split + 4);
  std::string whole, pieces;
  Explanation why;
  auto one = rewriter.body(section, false, why);
  one.feed(body, whole);
  one.finish(whole);
  auto other = rewriter.body(section, false, why);
  for (std::size_t at = 0; at < body.size(); at += 3) other.feed(body.substr(at, 3), pieces);
  other.finish(pieces);
  if (whole != pieces) std::abort();
  if (whole.size() < body.size()) std::abort();
  return 0;
}
