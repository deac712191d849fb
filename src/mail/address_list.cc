#include "mail/address_list.h"

#include <algorithm>
#include <utility>

namespace hikyaku::mail {

// Addresses are easiest to tell from the right: what stands before a '>' up to its '<' is one, then comes a
// phrase; a ';' opens a group that a ':' closes; two words without an operator between them are two addresses
// whose comma was forgotten. `done_` and `open_` hold tokens in reverse order.
class AddressList::Parser {
 public:
  explicit Parser(std::vector<AddressToken> tokens) : tokens_(std::move(tokens)) {}

  AddressList run() {
    left_ = tokens_.size();
    while (left_ > 0) step();
    close_address(false);
    AddressList list;
    std::reverse(done_.begin(), done_.end());
    list.items_ = std::move(done_);
    for (std::size_t i = 0; i < list.items_.size(); ++i) {
      if (list.items_[i].is_address) list.addresses_.push_back(i);
    }
    return list;
  }

 private:
  using Kind = AddressToken::Kind;

  AddressToken& current() { return tokens_[left_ - 1]; }
  void finish_current() {
    done_.push_back({std::move(current()), {}, false, false});
    --left_;
  }

  /// Makes the open tokens an address, with the comma that was forgotten before it.
  void close_address(bool comma) {
    if (open_.empty()) return;
    std::reverse(open_.begin(), open_.end());
    done_.push_back({{}, std::move(open_), true, false});
    open_.clear();
    if (comma) done_.push_back({AddressToken::of(','), {}, false, false});
  }

  void step() {
    const bool phrase_ended_here = std::exchange(fenced_, false);
    auto& token = current();
    if (token.kind == Kind::comment) {
      finish_current();
    } else if (token.is(';')) {
      close_address(true);
      finish_current();
      in_group_ = word_may_follow_ = true;
    } else if (token.is(':') && in_group_) {
      token = {Kind::group_start, 0, {}};
      close_address(false);
      finish_current();
      while (left_ > 0 && !current().is(',')) finish_current();
      fenced_ = true;
    } else if (token.is('>')) {
      angle_address();
    } else if (token.is(',')) {
      close_address(false);
      finish_current();
      word_may_follow_ = true;
    } else if (token.kind == Kind::mark) {
      if (phrase_ended_here) {
        finish_current();
      } else {
        open_.push_back(std::move(token));
        --left_;
      }
      word_may_follow_ = true;
    } else {
      if (!word_may_follow_) close_address(true);
      word_may_follow_ = false;
      open_.push_back(std::move(token));
      --left_;
    }
  }

  void angle_address() {
    close_address(true);
    finish_current();
    while (left_ > 0 && !current().is('<')) {
      if (current().kind == Kind::comment) {
        finish_current();
      } else {
        open_.push_back(std::move(current()));
        --left_;
      }
    }
    close_address(false);
    while (left_ > 0 && !ends_phrase(current())) finish_current();
    fenced_ = true;
    word_may_follow_ = true;
  }

  static bool ends_phrase(const AddressToken& token) {
    return token.is('>') || token.is(';') || token.is(',') || token.is(':');
  }

  std::vector<AddressToken> tokens_;
  std::size_t left_ = 0;  // tokens not yet looked at
  std::vector<Item> done_;
  std::vector<AddressToken> open_;
  bool word_may_follow_ = true, in_group_ = false;
  bool fenced_ = false;  // the current token ended a phrase, so that it can't be part of an address
};

AddressList AddressList::parse(std::string_view value, std::size_t token_limit) {
  return Parser(scan_address_tokens(value, token_limit)).run();
}

std::string AddressList::external(std::size_t index) const {
  std::string out;
  const auto& item = items_[addresses_[index]];
  append_external(out, item.address, item.replaced ? Spacing::between_words : Spacing::none);
  return out;
}

void AddressList::append_internal(std::string& out, const Item& item) {
  mail::append_internal(out, item.address, item.replaced ? Spacing::between_words : Spacing::none);
}

std::string AddressList::internal(std::size_t index) const {
  std::string out;
  append_internal(out, items_[addresses_[index]]);
  return out;
}

void AddressList::replace(std::size_t index, std::string_view external) {
  auto& item = items_[addresses_[index]];
  item.address = scan_address_tokens(external);
  item.replaced = true;
}

bool AddressList::space_after(const Item& item, const Item& next) {
  const bool word = item.is_address || item.token.wordlike();
  if (!item.is_address && (item.token.is(',') || item.token.kind == AddressToken::Kind::group_start))
    return true;
  if (!next.is_address && next.token.is('<')) return true;
  return word && (next.is_address || next.token.wordlike());
}

std::string AddressList::text() const {
  std::string out;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const auto& item = items_[i];
    if (item.is_address) {
      std::string internal;
      append_internal(internal, item);
      out += quote_local_part(internal);
    } else {
      append_external(out, {&item.token, 1}, Spacing::none);
      if (item.token.is(',')) {
        out += '\n';
        continue;
      }
    }
    if (i + 1 < items_.size() && space_after(item, items_[i + 1])) out += ' ';
  }
  return out;
}

std::string fold_address_header(std::string_view name, std::string_view lines) {
  constexpr std::size_t kLineOctets = 70;  // the tab of a continued line counts as none
  std::string out(name);
  out += ": ";
  std::size_t column = out.size();
  for (bool first = true;; first = false) {
    const auto end = lines.find('\n');
    const auto line = lines.substr(0, end);
    if (!first) {
      if (column + 1 + line.size() < kLineOctets) {
        out += ' ';
        ++column;
      } else {
        out += "\r\n";
        if (line.empty() || (line.front() != ' ' && line.front() != '\t')) out += '\t';
        column = 0;
      }
    }
    out += line;
    column += line.size();
    if (end == std::string_view::npos) return out;
    lines.remove_prefix(end + 1);
  }
}

}  // namespace hikyaku::mail
