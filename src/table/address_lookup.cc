#include "table/address_lookup.h"

#include <algorithm>
#include <utility>

#include "base/octet_set.h"
#include "table/fold.h"

namespace hikyaku::table {
namespace {

constexpr OctetSet kWantsQuotes = OctetSet("()<>@,;:\\\"[]\x7f").with_range(0, ' ');

/// RFC 5322 s. 3.2.3: a dot-atom needs no quotes; octets above 0x7f are let through (RFC 6531).
bool needs_quotes(std::string_view local) {
  if (local.empty() || local.front() == '.' || local.back() == '.') return true;
  char before = '\0';
  for (const char c : local) {
    if (kWantsQuotes.has(c)) return true;
    if (c == '.' && before == '.') return true;
    before = c;
  }
  return false;
}

void append_quoted(std::string_view local, std::string& out) {
  out += '"';
  for (const char c : local) {
    if (c == '"' || c == '\\' || c == '\r') out += '\\';
    out += c;
  }
  out += '"';
}

/// One search through a Maps: tries keys until one is found or a table fails.
class Search {
 public:
  Search(const Maps& maps, KeyTrail* trail, KeyForm form) : maps_(maps), trail_(trail), form_(form) {}

  /// True when the search is over.
  bool key(std::string_view key, KeyPart part, KeyHit::By by, std::string_view extension = {}) {
    auto found = maps_.find(key, trail_, part);
    if (!found) {
      answer_ = std::unexpected(std::move(found.error()));
      return true;
    }
    if (!*found) return false;
    answer_ = KeyHit{std::move(**found), std::string(key), by, std::string(extension)};
    return true;
  }

  /// `local` in the wanted forms, followed by `rest` ("@domain", "@", or nothing).
  bool address(std::string_view local, std::string_view rest, KeyPart part, KeyHit::By by,
               std::string_view extension = {}) {
    const bool quoted = form_ != KeyForm::internal && needs_quotes(local);
    if (quoted) {
      buffer_.clear();
      append_quoted(local, buffer_);
      buffer_ += rest;
      if (key(buffer_, part, by, extension)) return true;
      if (form_ == KeyForm::external) return false;
    }
    buffer_.assign(local);
    buffer_ += rest;
    return key(buffer_, part, by, extension);
  }

  bool fails(Error error) {
    answer_ = std::unexpected(std::move(error));
    return true;
  }

  /// The domain, then its parents one label shorter each time.
  bool domain(std::string_view name, KeyPart part, Parents parents) {
    for (auto by = KeyHit::By::domain; !name.empty(); by = KeyHit::By::parent, part = KeyPart::partial) {
      if (key(name, part, by)) return true;
      const auto dot = name.find('.', 1);
      if (dot == std::string_view::npos) return false;
      name.remove_prefix(parents == Parents::by_dot ? dot : dot + 1);
    }
    return false;
  }

  KeyAnswer take() { return std::move(answer_); }

 private:
  const Maps& maps_;
  KeyTrail* trail_;
  KeyForm form_;
  std::string buffer_;
  KeyAnswer answer_ = std::optional<KeyHit>{};
};

/// An address as keys are made of it. Points into the address.
struct Parts {
  std::string_view local;
  SplitUser split;
  std::string at_domain;  // "@domain", or empty

  Parts(const mail::Address& address, const Delimiters& delimiters)
      : local(address.local()), split(split_extension(local, delimiters)) {
    if (address.has_domain()) {
      at_domain.reserve(address.domain().size() + 1);
      at_domain += '@';
      at_domain += address.domain();
    }
  }
  bool extended() const { return !split.extension.empty(); }
  std::string_view domain() const { return std::string_view(at_domain).substr(at_domain.empty() ? 0 : 1); }
};

/// user+ext@domain, user@domain: how all address lookups begin.
bool try_whole(Search& search, const Parts& parts) {
  return search.address(parts.local, parts.at_domain, KeyPart::whole, KeyHit::By::address) ||
         (parts.extended() && search.address(parts.split.user, parts.at_domain, KeyPart::partial,
                                             KeyHit::By::without_extension, parts.split.extension));
}

/// user+ext, user, each followed by `rest`.
bool try_user(Search& search, const Parts& parts, std::string_view rest) {
  return search.address(parts.local, rest, KeyPart::partial, KeyHit::By::user) ||
         (parts.extended() && search.address(parts.split.user, rest, KeyPart::partial,
                                             KeyHit::By::user_without_extension, parts.split.extension));
}

bool try_local_user(Search& search, const Parts& parts, const LocalDomains& local) {
  const auto is_local = local.is_local(parts.domain());
  if (!is_local) return search.fails(is_local.error());
  return *is_local && try_user(search, parts, {});
}

bool try_ip(Search& search, const Ip& ip) {
  const std::string text = ip.text();
  const char delimiter = ip.family() == Ip::Family::v4 ? '.' : ':';
  std::string_view key = text;
  auto by = KeyHit::By::address;
  for (auto part = KeyPart::whole;; part = KeyPart::partial, by = KeyHit::By::parent) {
    if (search.key(key, part, by)) return true;
    const auto last = key.rfind(delimiter);
    if (last == std::string_view::npos || last == 0) return false;
    key = key.substr(0, last);
  }
}

bool try_host(Search& search, std::string_view name, Parents parents) {
  // An address in place of a name has no parent domains.
  if (Ip::parse(name)) return search.key(name, KeyPart::whole, KeyHit::By::domain);
  return search.domain(name, KeyPart::whole, parents);
}

}  // namespace

SplitUser split_extension(std::string_view local, const Delimiters& delimiters) {
  const SplitUser whole{local, {}};
  if (delimiters.set.empty()) return whole;
  const auto at = local.find_first_of(delimiters.set);
  if (at == 0 || at == std::string_view::npos) return whole;
  for (const std::string_view reserved : {std::string_view("postmaster"), std::string_view("mailer-daemon"),
                                          std::string_view(delimiters.double_bounce)}) {
    if (equal_ascii_nocase(local, reserved)) return whole;
  }
  if (delimiters.owner_request_special && delimiters.set.find('-') != std::string::npos) {
    constexpr std::string_view owner = "owner-", request = "-request";
    if (equal_ascii_nocase(local.substr(0, owner.size()), owner)) return whole;
    if (local.size() > request.size() &&
        equal_ascii_nocase(local.substr(local.size() - request.size()), request)) {
      return whole;
    }
  }
  return {local.substr(0, at), local.substr(at)};
}

KeyAnswer find_address(const Maps& maps, const mail::Address& address, const Delimiters& delimiters,
                       const LocalDomains& local, KeyTrail* trail, KeyForm form) {
  if (maps.empty() || address.null()) return std::optional<KeyHit>{};
  Search search(maps, trail, form);
  const Parts parts(address, delimiters);
  static_cast<void>(
      try_whole(search, parts) ||
      (address.has_domain() && (try_local_user(search, parts, local) ||
                                search.key(parts.at_domain, KeyPart::partial, KeyHit::By::domain))));
  return search.take();
}

KeyAnswer find_transport(const Maps& maps, const mail::Address& address, const Delimiters& delimiters,
                         Parents parents, KeyTrail* trail) {
  if (maps.empty() || address.null()) return std::optional<KeyHit>{};
  Search search(maps, trail, KeyForm::external_first);
  const Parts parts(address, delimiters);
  static_cast<void>(try_whole(search, parts) || search.domain(parts.domain(), KeyPart::partial, parents) ||
                    search.key("*", KeyPart::whole, KeyHit::By::wildcard));
  return search.take();
}

KeyAnswer find_access_address(const Maps& maps, const mail::Address& address, const Delimiters& delimiters,
                              Parents parents, KeyTrail* trail) {
  if (maps.empty() || address.null()) return std::optional<KeyHit>{};
  Search search(maps, trail, KeyForm::external_first);
  const Parts parts(address, delimiters);
  static_cast<void>(try_whole(search, parts) || search.domain(parts.domain(), KeyPart::partial, parents) ||
                    (address.has_domain() && try_user(search, parts, "@")));
  return search.take();
}

KeyAnswer find_access_domain(const Maps& maps, std::string_view domain, Parents parents, KeyTrail* trail) {
  Search search(maps, trail, KeyForm::internal);
  static_cast<void>(try_host(search, domain, parents));
  return search.take();
}

KeyAnswer find_access_ip(const Maps& maps, const Ip& ip, KeyTrail* trail) {
  Search search(maps, trail, KeyForm::internal);
  static_cast<void>(try_ip(search, ip));
  return search.take();
}

KeyAnswer find_access_client(const Maps& maps, std::string_view name, const Ip& ip, Parents parents,
                             KeyTrail* trail) {
  Search search(maps, trail, KeyForm::internal);
  static_cast<void>(try_host(search, name, parents) || try_ip(search, ip));
  return search.take();
}

}  // namespace hikyaku::table
