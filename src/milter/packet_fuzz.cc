#include "milter/packet.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "milter/edit.h"
#include "milter/header_list.h"
#include "milter/negotiation.h"
#include "milter/smtp_reply.h"

// Any octets in any cuts: the same packets come out, what parses prints and parses back to itself, and no
// more is kept than a packet. Headers stay headers whatever edits are made on them.
namespace {

using namespace hikyaku::milter;

void check(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t kLimit = 1000;

std::vector<std::string> packets(std::string_view octets, std::size_t cut) {
  PacketReader reader(kLimit);
  std::vector<std::string> all;
  while (!octets.empty()) {
    reader.feed(octets.substr(0, cut));
    octets.remove_prefix(std::min(cut, octets.size()));
    for (;;) {
      const auto packet = reader.next();
      if (!packet) {
        all.push_back("broken: " + packet.error().text);
        return all;
      }
      if (!*packet) break;
      check((*packet)->data.size() <= kLimit);
      all.push_back((*packet)->kind + std::string((*packet)->data));
    }
    check(reader.pending() <= kLimit + 5);
  }
  return all;
}

void check_headers(HeaderList& list, const Edit& edit, LeadingSpace space) {
  const auto before = list.fields().size();
  if (!list.apply(edit, space)) return;
  check(list.fields().size() <= before + 1);
  // Nothing that a filter writes makes a second header, or an end of the headers.
  check(HeaderList(list.section(), HeaderList::First::visible).fields() == list.fields());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto all = packets(octets, octets.size() + 1);
  check(all == packets(octets, 1 + data[0] % 16));

  HeaderList list("Received: ours\r\nA: b\r\n c\r\nX: y\r\n", HeaderList::First::own_received);
  std::string body;
  BodyReplacement replacement;
  for (const auto& packet : all) {
    const auto rest = std::string_view(packet).substr(1);
    const auto response = response_of(packet[0]);
    if (const auto answer = Answer::parse(rest)) {
      std::string out;
      answer->append_to(out);
      auto again = Answer::parse(std::string_view(out).substr(5));
      check(again.has_value());
      again->unknown_stages = answer->unknown_stages;
      check(*again == *answer);
    }
    if (const auto reply = SmtpReply::parse(rest)) {
      const auto again = SmtpReply::parse(reply->data());
      check(!again || again->code == reply->code);
      check(reply->code >= 400 && reply->code < 600);
    }
    if (!response || !is_edit(*response)) continue;
    const auto edit = parse_edit(*response, rest);
    if (!edit) continue;
    std::string out;
    append_edit(out, *edit);
    check(parse_edit(kind(*edit), std::string_view(out).substr(5)).value() == *edit);
    check_headers(list, *edit, (data[0] & 1) != 0 ? LeadingSpace::kept : LeadingSpace::taken_off);
    if (const auto* chunk = std::get_if<ReplaceBody>(&*edit)) replacement.append(chunk->octets, body);
  }
  replacement.finish(body);
  check(body.empty() || body.ends_with("\r\n"));
  for (auto at = body.find('\n'); at != std::string::npos; at = body.find('\n', at + 1))
    check(at > 0 && body[at - 1] == '\r');
  return 0;
}
