#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mail/address_tokens.h"

namespace hikyaku::mail {

/// The addresses of a structured header, "Joe <joe@a.example>, team: x@b.example;", as a sequence of tokens
/// in which each address can be replaced and all else (phrases, comments, groups, rubbish) is kept.
/// The reading is permissive, as Postfix's: it adds missing commas, and never throws away what it does not
/// understand. RFC 5322 s. 3.4 and 4.4.
class AddressList {
 public:
  /// Reads the text after the colon of a header, with its folds. At most `token_limit` tokens
  /// (header_address_token_limit); what follows them is left out of the list. Pure; O(size).
  static AddressList parse(std::string_view value, std::size_t token_limit = 10240);

  /// How many addresses there are, in the order in which they stand.
  std::size_t size() const { return addresses_.size(); }
  bool empty() const { return addresses_.empty(); }
  /// Address `index` as it stands, without the comments in it: `"joe q"@a.example`; a source route is still
  /// there.
  std::string external(std::size_t index) const;
  /// Its internal form: `joe q@a.example`.
  std::string internal(std::size_t index) const;
  /// Replaces address `index` by an external form.
  void replace(std::size_t index, std::string_view external);
  /// All tokens again, phrases re-spaced, each address quoted where needed; every comma of the list is
  /// followed by
  /// '\n' and not by a space, as the start for fold_address_header().
  std::string text() const;

 private:
  class Parser;
  struct Item {
    AddressToken token;  // when `is_address` is false
    std::vector<AddressToken> address;
    bool is_address = false;
    bool replaced = false;  // words of a replaced address are spaced, those of a written one are not
  };
  static bool space_after(const Item& item, const Item& next);
  static void append_internal(std::string& out, const Item& item);

  std::vector<Item> items_;
  std::vector<std::size_t> addresses_;  // indexes into items_
};

/// Writes "Name: " and `lines` (AddressList::text()), with as many addresses on a line as stay under 70
/// octets, and folds with CRLF and a tab. One address is never split. Ends without a line end.
std::string fold_address_header(std::string_view name, std::string_view lines);

}  // namespace hikyaku::mail
