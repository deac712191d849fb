#include <cstdint>
#include <cstdlib>
#include <string>

#include "greylist/dns_update.h"
#include "greylist/dns_wire.h"
#include "greylist/tsig.h"

// What a DNS server answers, or somebody in its place: a zone that it names is one that the name is in, and
// without the code there is no signature. The first two octets are the identifier that is waited for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::greylist;
  constexpr std::string_view kName = "7.2.0.192.bl.example.net";
  const std::string_view answer(reinterpret_cast<const char*>(data), size);
  const auto id = DnsReader(answer).u16().value_or(0);
  if (const auto zone = read_zone_answer(answer, id, kName); zone && !kName.ends_with(zone->name))
    std::abort();
  const auto done = read_update_answer(answer, id);
  static_cast<void>(done);
  static const auto kTsig = Tsig::parse("dns-update", "hmac-md5", "1B2M2Y8AsgTpgAmY7PhCfg==").value();
  const auto no_code = [](std::string_view, std::string_view, std::string_view) {
    return std::optional<std::string>("a code that is in no corpus");
  };
  if (kTsig.verify(answer, "request", 1'700'000'000, no_code)) std::abort();
  // The right code makes the rest be looked at.
  const auto length = size < 64 ? size : 64;
  const auto any_code = [&](std::string_view, std::string_view, std::string_view) {
    return std::optional<std::string>(answer.substr(size - length, length));
  };
  const auto verified = kTsig.verify(answer, "request", 1'700'000'000, any_code);
  static_cast<void>(verified);
  return 0;
}
