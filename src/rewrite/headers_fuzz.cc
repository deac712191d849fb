#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "mail/header.h"
#include "rewrite/local_domains.h"
#include "rewrite/rewriter.h"
#include "table/fixed_contents.h"

namespace {

using namespace hikyaku;

rewrite::Settings settings() {
  rewrite::Settings settings;
  settings.completion.myorigin.text = "hub.test";
  settings.completion.mydomain.text = "test";
  settings.completion.append_dot_mydomain.on = true;
  settings.lookup.local_domains =
      std::make_shared<rewrite::OwnDomains>("hub.test", table::StringMatchList{}, std::vector<table::Ip>{});
  settings.sender_canonical = {"rewrite.sender_canonical",
                               "sender_canonical_maps",
                               table::Maps({std::make_shared<table::FixedTable>(
                                   "hash:t", table::load_fixed("a@b.c d@e.f\nj x y\n", 1).contents)}),
                               {15, {}},
                               {}};
  settings.canonical = {"rewrite.canonical", "canonical_maps", {}, {15, {}}, {}};
  settings.recipient_canonical = settings.canonical;
  settings.drop_headers = {"bcc"};
  return settings;
}

}  // namespace

// Headers that hold no addresses and are not to be dropped come out as they went in; what was rewritten once
// stays.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const rewrite::Rewriter rewriter(settings());
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const auto section = message.substr(0, mail::find_header_end(message).header);
  const mail::Address sender;
  Explanation why;
  const rewrite::MessageFacts facts{sender, "Q", false, Time{}, {}, {}};
  const rewrite::HeaderContext context{rewrite::HeaderContext::Kind::local, "x"};
  const auto result = rewriter.headers(section, context, facts, why);
  const std::string once = result.section.value_or(std::string(section));
  mail::HeaderFields fields(section);
  while (const auto field = fields.next()) {
    const auto& kind = mail::header_kind(field->name);
    const bool plain = field->name.size() + 1 + field->value.size() == field->text.size();
    if (field->name.empty() || kind.role != mail::HeaderRole::other || !plain) continue;
    if (once.find(field->text) == std::string::npos) std::abort();
  }
  if (mail::find_header_end(once).header != once.size()) std::abort();
  const auto again = rewriter.headers(once, context, facts, why);
  if (again.section && mail::find_header_end(*again.section).header != again.section->size()) std::abort();
  return 0;
}
