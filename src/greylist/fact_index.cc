#include "greylist/fact_index.h"

#include <algorithm>

#include "table/fold.h"

namespace hikyaku::greylist {
namespace {

std::string_view octets_of(const table::Ip& ip) {
  return {reinterpret_cast<const char*>(ip.octets().data()), ip.bits() / 8};
}

}  // namespace

bool FactIndex::finds(const Test& test) {
  if (std::holds_alternative<AddressTest>(test) || std::holds_alternative<CountryTest>(test)) return true;
  const auto* text = std::get_if<TextTest>(&test);
  if (text == nullptr || text->pattern.is_regex() || text->pattern.text().empty()) return false;
  return text->subject == Subject::domain || text->subject == Subject::from ||
         text->subject == Subject::rawfrom || text->subject == Subject::rcpt;
}

FactIndex::ByText& FactIndex::addresses_of(Subject subject) {
  return subject == Subject::from ? senders_ : subject == Subject::rawfrom ? raw_senders_ : recipients_;
}

void FactIndex::add(const Test& test, Number number) {
  if (const auto* address = std::get_if<AddressTest>(&test)) {
    const auto& network = address->network;
    auto& networks = network.base().family() == table::Ip::Family::v4 ? networks_v4_ : networks_v6_;
    networks[network.prefix()][std::string(octets_of(network.base()))].push_back(number);
  } else if (const auto* country = std::get_if<CountryTest>(&test)) {
    countries_[country->code].push_back(number);
  } else if (const auto* text = std::get_if<TextTest>(&test)) {
    const auto& written = text->pattern.text();
    auto& texts = text->subject == Subject::domain ? domains_[written.size()] : addresses_of(text->subject);
    const auto key = text->subject == Subject::domain ? std::string_view(written) : without_brackets(written);
    texts[table::ascii_lower(key)].push_back(number);
  }
}

void FactIndex::find(const ByText& texts, std::string_view text, Numbers& found) {
  if (texts.empty()) return;
  const auto one = texts.find(text);
  if (one != texts.end()) found.insert(found.end(), one->second.begin(), one->second.end());
}

void FactIndex::find_networks(const table::Ip& ip, Numbers& found) const {
  for (const auto& [prefix, networks] : ip.family() == table::Ip::Family::v4 ? networks_v4_ : networks_v6_)
    find(networks, octets_of(ip.masked(prefix)), found);
}

void FactIndex::find_domains(std::string_view client_name, Numbers& found) const {
  if (domains_.empty()) return;
  const auto name = table::ascii_lower(client_name);
  for (const auto& [length, domains] : domains_) {
    if (length > name.size()) break;
    find(domains, std::string_view(name).substr(name.size() - length), found);
  }
}

void FactIndex::find_address(const ByText& addresses, std::string_view address, Numbers& found) {
  if (!addresses.empty()) find(addresses, table::ascii_lower(without_brackets(address)), found);
}

FactIndex::Candidates FactIndex::candidates(Stage stage, const Facts& facts) const {
  Candidates out(always_);
  auto& found = out.found_;
  if (facts.client) find_networks(*facts.client, found);
  find(countries_, facts.country, found);
  find_domains(facts.client_name, found);
  find_address(senders_, facts.sender, found);
  find_address(raw_senders_, facts.raw_sender, found);
  if (stage == Stage::recipient) {
    find_address(recipients_, facts.recipient, found);
  } else {
    for (const auto& recipient : facts.accepted) find_address(recipients_, recipient, found);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return out;
}

FactIndex::Number FactIndex::Candidates::next() {
  const auto always = next_always_ < always_.size() ? always_[next_always_] : kEnd;
  const auto found = next_found_ < found_.size() ? found_[next_found_] : kEnd;
  if (always < found) {
    ++next_always_;
    return always;
  }
  if (found != kEnd) ++next_found_;
  return found;
}

}  // namespace hikyaku::greylist
