#include <cstdint>
#include <cstdlib>

#include "table/lookup_reply.h"

// What a server sends. A netstring that is read is as long as it says; a key goes into a request without its
// line end.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::table;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const auto framed = read_netstring(octets, kSocketmapReplyLimit);
  if (framed && *framed) {
    if ((*framed)->size() > kSocketmapReplyLimit || !octets.starts_with(std::to_string((*framed)->size())))
      if (octets.front() != '0') std::abort();
    static_cast<void>(read_socketmap_reply(**framed));
  }
  static_cast<void>(read_socketmap_reply(octets));
  static_cast<void>(read_tcp_reply(octets));
  const auto whole = netstring(octets);
  const auto again = read_netstring(whole, size);
  if (!again || !*again || **again != octets) std::abort();
  const auto request = tcp_request(octets);
  if (request.find('\n') != request.size() - 1) std::abort();
  const auto value = read_tcp_reply("200 " + request.substr(4, request.size() - 5));
  if (!value || !*value || **value != octets) std::abort();
  return 0;
}
