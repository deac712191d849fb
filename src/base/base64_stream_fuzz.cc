#include "base/base64_stream.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

using namespace hikyaku;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

struct Decoded {
  std::string octets;
  std::optional<Base64Fault> fault;
  std::uint64_t ignored = 0;
};

Decoded decoded(std::string_view text, const Base64Rules& rules, const Base64Kernel& kernel,
                std::size_t piece) {
  Base64Decoder decoder(rules, kernel);
  Decoded result;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    if (const auto fed = decoder.feed(text.substr(0, piece), result.octets); !fed) {
      result.fault = fed.error();
      return result;
    }
  }
  if (const auto ended = decoder.end(result.octets); !ended) result.fault = ended.error();
  result.ignored = decoder.ignored();
  return result;
}

std::string encoded(std::string_view octets, const Base64Format& format, const Base64Kernel& kernel,
                    std::size_t piece) {
  Base64Encoder encoder(format, kernel);
  std::string out;
  for (; !octets.empty(); octets.remove_prefix(std::min(piece, octets.size()))) {
    encoder.feed(octets.substr(0, piece), out);
  }
  encoder.end(out);
  return out;
}

}  // namespace

// Two octets choose rules and pieces. All kernels say the same in pieces and at once, and what was encoded
// comes back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = 1U + (data[0] >> 2);
  const auto alphabet = data[0] & 1 ? Base64Alphabet::url : Base64Alphabet::standard;
  const auto garbage = data[0] & 2 ? Base64Rules::Garbage::ignored : Base64Rules::Garbage::refused;
  const std::size_t line = data[1] & 127;
  const auto end = data[1] & 128 ? Base64Format::LineEnd::crlf : Base64Format::LineEnd::lf;
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);

  const auto plain = decoded(text, {alphabet, garbage}, base64_kernels().front(), 1);
  const auto padding = line % 3 == 0 ? Base64Format::Padding::left_out : Base64Format::Padding::written;
  const Base64Format format{alphabet, padding, line, end};
  const auto written = encoded(text, format, base64_kernels().front(), 1);
  require(!plain.fault || plain.fault->offset <= text.size());
  for (const auto& kernel : base64_kernels()) {
    for (const auto each : {piece, size}) {
      const auto result = decoded(text, {alphabet, garbage}, kernel, each);
      require(result.octets == plain.octets && result.ignored == plain.ignored);
      require(result.fault.has_value() == plain.fault.has_value());
      require(!plain.fault ||
              (plain.fault->offset == result.fault->offset && plain.fault->kind == result.fault->kind));
      require(encoded(text, format, kernel, each) == written);
      const auto back = decoded(written, {alphabet}, kernel, each);
      require(!back.fault && back.octets == text);
    }
  }
  return 0;
}
