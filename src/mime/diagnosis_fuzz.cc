#include <cstdint>
#include <cstdlib>
#include <string>

#include "mime/attach.h"
#include "mime/diagnosis.h"

// Any octets in any cuts: the same findings, the same repaired message, the same message with a part more.
namespace {

using namespace hikyaku::mime;

void check(bool holds) {
  if (!holds) std::abort();
}

template <class Reader>
void feed(Reader& reader, std::string_view octets, std::size_t cut) {
  for (std::size_t at = 0; at < octets.size(); at += cut) reader.feed(octets.substr(at, cut));
  reader.finish();
}

std::string told(const Diagnosis& diagnosis) {
  std::string out;
  for (const auto& finding : diagnosis.findings())
    out += finding.part + " " + finding.problem + " " + std::to_string(finding.offset) + "\n";
  return out;
}

std::string repaired(const Diagnosis& diagnosis, std::string_view octets, std::size_t cut) {
  std::string out;
  MessageRepairer repairer(diagnosis.repair(), [&](std::string_view piece) { out += piece; });
  feed(repairer, octets, cut);
  return out;
}

std::string attached(std::string_view octets, std::size_t cut) {
  std::string out;
  Attacher attacher(
      {.out = [&](std::string_view piece) { out += piece; },
       .attachments = [&](const std::string& begin, std::string_view) { out += begin + "FILE"; }},
      "new");
  feed(attacher, octets, cut);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t cut = 1 + data[0], whole = octets.size() + 1;
  Diagnosis one, other;
  feed(one, octets, whole);
  feed(other, octets, cut);
  check(told(one) == told(other));
  check(repaired(one, octets, whole) == repaired(other, octets, cut));
  const auto more = attached(octets, whole);
  check(more == attached(octets, cut) && more.find("FILE") != std::string::npos);
  return 0;
}
