#include "table/row_review.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/escape.h"

namespace hikyaku::table {
namespace {

class Review {
 public:
  Review(const Table& table, std::string_view setting) : table_(table), setting_(setting) {}

  std::vector<Diagnostic> take() {
    const bool transport = setting_ == "transport_maps";
    const bool canonical = setting_ == "canonical_maps" || setting_ == "sender_canonical_maps";
    const bool one_address = canonical || setting_ == "recipient_canonical_maps" ||
                             setting_ == "smtp_generic_maps" || setting_ == "lmtp_generic_maps";
    table_.visit([&](const Row& row) {
      if (transport && table_.kind() == Table::Kind::fixed) key_of_transport(row);
      if (transport || setting_ == "sender_dependent_default_transport_maps") form_of_transport(row);
      if (transport) next_hop_of_transport(row);
      if (setting_ == "sender_dependent_relayhost_maps") result_of_relayhost(row);
      if (one_address) result_of_one_address(row);
      if (table_.kind() != Table::Kind::fixed) return;
      if (setting_.starts_with("sender_dependent_")) key_of_sender(row);
      if (one_address || setting_ == "virtual_alias_maps") key_of_address(row);
    });
    if (canonical) null_sender();
    return std::move(found_);
  }

 private:
  static bool is_dunno(std::string_view value) { return value == "DUNNO" || value == "dunno"; }

  void warn(const Row& row, std::string text) {
    constexpr std::size_t most = 100;
    if (found_.size() < most) {
      found_.push_back({Diagnostic::Level::warning, row.origin, 0, std::move(text),
                        escaped(row.key, 90) + " " + escaped(row.value, 90)});
    }
  }

  void key_of_transport(const Row& row) {
    if (row.key.starts_with('@')) {
      warn(row, "the key \"" + escaped(row.key) +
                    "\" is never looked up in transport_maps; write it without the '@'");
    }
  }

  /// Looked up are the whole address, the same without its extension, and @domain; and what stands for <>.
  void key_of_sender(const Row& row) {
    if (row.key.contains('@') || row.key == "<>") return;
    warn(row, "the key \"" + escaped(row.key) + "\" is never looked up in " + std::string(setting_) +
                  "; write @" + escaped(row.key) + " for the senders of a domain");
  }

  void key_of_address(const Row& row) {
    if (!row.key.starts_with('.')) return;
    warn(row, "the key \"" + escaped(row.key) + "\" is never looked up in " + std::string(setting_) +
                  ": it has no names of domains below another; write @domain for each");
  }

  void form_of_transport(const Row& row) {
    if (is_dunno(row.value)) return;
    const bool no_colon = row.value.find(':') == std::string_view::npos;
    if (row.value.starts_with('[') || (no_colon && row.value.find('.') != std::string_view::npos))
      warn(row, "the result is no transport:nexthop; write smtp:" + escaped(row.value, 80));
  }

  /// Only transport_maps take the next hop away: "smtp:" of a table by sender leaves it to relayhost.
  void next_hop_of_transport(const Row& row) {
    if (is_dunno(row.value) || row.value.starts_with('[') || row.value.empty()) return;
    const auto colon = row.value.find(':');
    const bool no_colon = colon == std::string_view::npos;
    constexpr std::array<std::string_view, 5> kNoNextHopNeeded{"local", "virtual", "error", "retry",
                                                               "discard"};
    if (std::ranges::find(kNoNextHopNeeded, row.value.substr(0, colon)) != kNoNextHopNeeded.end()) return;
    if (colon == 0 ||
        (no_colon ? row.value.find('.') != std::string_view::npos : colon + 1 < row.value.size()))
      return;
    warn(row,
         "the result names a transport but no next hop: relayhost does not apply, mail goes to the "
         "recipient's own domain; write :nexthop to keep the transport");
  }

  /// "host:port" and "[host]:port" are next hops; "smtp:host" is not.
  void result_of_relayhost(const Row& row) {
    const auto colon = row.value.find(':');
    if (row.value.starts_with('[') || colon == std::string_view::npos) return;
    const auto after = row.value.substr(colon + 1);
    const bool is_port = !after.empty() && std::all_of(after.begin(), after.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
    });
    if (is_port && (row.value.find('.') < colon || (after.front() >= '0' && after.front() <= '9'))) return;
    warn(row,
         "the result looks like transport:nexthop, but this is a table of next hops; write [host]:port, or "
         "use "
         "sender_dependent_default_transport_maps");
  }

  void result_of_one_address(const Row& row) {
    bool quoted = false;
    for (const char c : row.value) {
      if (c == '"') quoted = !quoted;
      if (quoted || c != ',') continue;
      warn(row, "the result must be one address; several are for virtual_alias_maps");
      return;
    }
  }

  /// The null sender's key is two quotes: what Postfix makes of an empty user name.
  void null_sender() {
    const auto answer = table_.find("\"\"");
    if (!answer || !*answer) return;
    found_.push_back({Diagnostic::Level::warning,
                      (*answer)->origin,
                      0,
                      table_.name() + " also matches the null sender: bounces would come from " +
                          escaped((*answer)->value, 80) +
                          " and no longer from <>; write a pattern that needs an '@'",
                      {}});
  }

  const Table& table_;
  std::string_view setting_;
  std::vector<Diagnostic> found_;
};

}  // namespace

std::vector<Diagnostic> review_rows(const Table& table, std::string_view setting) {
  return Review(table, setting).take();
}

}  // namespace hikyaku::table
