// Records of anybody: what parses is made of terms that stand where they say, and is the same when it is
// written anew from them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "greylist/spf_macro.h"
#include "greylist/spf_record.h"

using namespace hikyaku::greylist;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void require_same(const SpfMechanism& a, const SpfMechanism& b) {
  require(a.kind == b.kind && a.result == b.result && a.domain == b.domain && a.network == b.network);
  require(a.prefix4 == b.prefix4 && a.prefix6 == b.prefix6 && a.text == b.text);
}

void require_same(const std::optional<SpfModifier>& a, const std::optional<SpfModifier>& b) {
  require(a.has_value() == b.has_value());
  require(!a || (a->domain == b->domain && a->text == b->text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto record = SpfRecord::parse(text);
  if (!record) return 0;
  require(SpfRecord::has_version(text) && text.size() <= SpfRecord::kLongest);
  std::string again = "v=spf1";
  for (const auto& one : record->mechanisms) {
    require(text.substr(one.place, one.text.size()) == one.text);
    require(one.domain.empty() || check_spf_domain(one.domain));
    require(one.prefix4 <= 32 && one.prefix6 <= 128);
    again.append(" ").append(one.text);
  }
  for (const auto* modifier : {&record->redirect, &record->explanation}) {
    if (!*modifier) continue;
    require(text.substr((*modifier)->place, (*modifier)->text.size()) == (*modifier)->text);
    require(check_spf_domain((*modifier)->domain).has_value());
    again.append(" ").append((*modifier)->text);
  }
  const auto same = SpfRecord::parse(again);
  require(same && same->mechanisms.size() == record->mechanisms.size());
  for (std::size_t i = 0; i < same->mechanisms.size(); ++i) {
    require_same(same->mechanisms[i], record->mechanisms[i]);
  }
  require_same(same->redirect, record->redirect);
  require_same(same->explanation, record->explanation);
  return 0;
}
