#include "record/mailbox_catalogue.h"

#include <algorithm>
#include <charconv>

#include "base/crc32c.h"

namespace hikyaku::record {
namespace {

constexpr std::string_view kTitle = "hikyaku mailbox catalogue ";
constexpr std::string_view kVersion = "1";
constexpr std::string_view kChecksum = "checksum ";
constexpr std::size_t kLongestName = 64;     // of a database
constexpr std::size_t kLongestValue = 4096;  // of a directory, an account or a domain

std::unexpected<Error> damaged(std::string_view what) { return fail(Fault::corrupt, std::string(what)); }

bool is_line_text(std::string_view text) {
  return !text.empty() && text.size() <= kLongestValue && std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '\x7f';
  });
}

std::string checksum_of(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto sum = crc32c(text);
  std::string out;
  for (int shift = 28; shift >= 0; shift -= 4) out += kHex[sum >> static_cast<unsigned>(shift) & 15U];
  return out;
}

/// Whether `key` comes after all there are: the only order that text() writes.
bool comes_last(const MailboxCatalogue::Entries& entries, std::string_view key) {
  return entries.empty() || entries.rbegin()->first < key;
}

}  // namespace

std::string_view domain_of_account(std::string_view account) {
  const auto at = account.rfind('@');
  return at == std::string_view::npos ? std::string_view() : account.substr(at + 1);
}

Result<void> MailboxCatalogue::check_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  if (name.empty() || name.size() > kLongestName || name.front() == '.' || !std::ranges::all_of(name, fits)) {
    return fail(Fault::malformed,
                "a mailbox database's name has letters, digits, '-', '_' and '.', at most 64, and does not "
                "begin with '.'");
  }
  return {};
}

bool MailboxCatalogue::has(std::string_view database) const {
  return database == kDefault || databases_.contains(database);
}

// ---- Reading

Result<void> MailboxCatalogue::take(std::string_view line) {
  const auto space = line.find(' ');
  const auto kind = line.substr(0, space);
  const auto rest = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  if (kind == "database") {
    const auto gap = rest.find(' ');
    const auto name = rest.substr(0, gap);
    const auto directory = gap == std::string_view::npos ? std::string_view() : rest.substr(gap + 1);
    if (!domains_.empty() || !accounts_.empty() || !comes_last(databases_, name))
      return damaged("a database out of order");
    if (auto added = add_database(name, directory); !added) return damaged(added.error().text);
    return {};
  }
  if (kind != "domain" && kind != "account") return damaged("neither database, domain, account nor checksum");
  const auto gap = rest.rfind(' ');
  if (gap == std::string_view::npos) return damaged("no name of a database at its end");
  auto& entries = kind == "domain" ? domains_ : accounts_;
  const auto key = rest.substr(0, gap);
  if ((kind == "domain" && !accounts_.empty()) || !comes_last(entries, key))
    return damaged("a " + std::string(kind) + " out of order");
  if (auto done = put(entries, key, rest.substr(gap + 1)); !done) return damaged(done.error().text);
  return {};
}

Result<MailboxCatalogue> MailboxCatalogue::parse(std::string_view text) {
  MailboxCatalogue catalogue;
  std::uint32_t number = 0;
  const auto at_line = [&number](Fault fault, std::string_view what) {
    return fail(fault, std::to_string(number) + ": " + std::string(what));
  };
  for (auto rest = text;;) {
    ++number;
    const auto end = rest.find('\n');
    if (end == std::string_view::npos)
      return at_line(Fault::corrupt, "it ends without its checksum: it was cut short");
    const auto line = rest.substr(0, end);
    const auto before = text.substr(0, text.size() - rest.size());
    rest.remove_prefix(end + 1);
    if (number == 1) {
      if (!line.starts_with(kTitle)) return at_line(Fault::corrupt, "this is no catalogue of mailboxes");
      const auto version = line.substr(kTitle.size());
      std::uint32_t value = 0;
      const auto [last, error] = std::from_chars(version.data(), version.data() + version.size(), value);
      if (error == std::errc{} && last == version.data() + version.size() && value > 1)
        return at_line(Fault::permanent, "a newer hikyaku wrote it: use that one");
      if (version != kVersion) return at_line(Fault::corrupt, "its version can't be read");
      continue;
    }
    if (line.starts_with(kChecksum)) {
      if (line.substr(kChecksum.size()) != checksum_of(before))
        return at_line(Fault::corrupt, "the checksum is not that of the lines above, which were changed");
      if (!rest.empty()) {
        ++number;
        return at_line(Fault::corrupt, "there is more behind the checksum");
      }
      catalogue.number_lines();
      return catalogue;
    }
    if (auto taken = catalogue.take(line); !taken) return at_line(Fault::corrupt, taken.error().text);
  }
}

// ---- Writing

std::string MailboxCatalogue::text() const {
  std::string out(kTitle);
  out += kVersion;
  out += '\n';
  for (const auto& [name, entry] : databases_) out += "database " + name + ' ' + entry.value + '\n';
  for (const auto& [name, entry] : domains_) out += "domain " + name + ' ' + entry.value + '\n';
  for (const auto& [name, entry] : accounts_) out += "account " + name + ' ' + entry.value + '\n';
  const auto sum = checksum_of(out);
  return out.append(kChecksum).append(sum).append("\n");
}

void MailboxCatalogue::number_lines() {
  std::uint32_t line = 1;
  for (auto* entries : {&databases_, &domains_, &accounts_}) {
    for (auto& [name, entry] : *entries) entry.line = ++line;
  }
}

// ---- Places

std::string_view MailboxCatalogue::database_of(std::string_view account) const {
  if (const auto at = accounts_.find(account); at != accounts_.end()) return at->second.value;
  if (const auto at = domains_.find(domain_of_account(account)); at != domains_.end())
    return at->second.value;
  return kDefault;
}

MailboxCatalogue::Place MailboxCatalogue::place_of(std::string_view account) const {
  if (const auto at = accounts_.find(account); at != accounts_.end())
    return {at->second.value, "account " + at->first + ' ' + at->second.value, at->second.line};
  if (const auto at = domains_.find(domain_of_account(account)); at != domains_.end())
    return {at->second.value, "domain " + at->first + ' ' + at->second.value, at->second.line};
  return {std::string(kDefault), {}, 0};
}

// ---- Changes

Result<void> MailboxCatalogue::add_database(std::string_view name, std::string_view directory) {
  if (auto valid = check_name(name); !valid) return valid;
  if (has(name))
    return fail(Fault::permanent, "there is a mailbox database " + std::string(name) + " already");
  if (!is_line_text(directory)) return fail(Fault::malformed, "a database without a directory");
  databases_[std::string(name)] = {std::string(directory), 0};
  number_lines();
  return {};
}

Result<void> MailboxCatalogue::put(Entries& entries, std::string_view key, std::string_view database) {
  if (!is_line_text(key)) return fail(Fault::malformed, "no name of an account or a domain");
  if (!has(database))
    return fail(Fault::not_found, "there is no mailbox database '" + std::string(database) + "'");
  entries[std::string(key)] = {std::string(database), 0};
  return {};
}

Result<void> MailboxCatalogue::put_domain(std::string_view domain, std::string_view database) {
  auto done = put(domains_, domain, database);
  number_lines();
  return done;
}

Result<void> MailboxCatalogue::pin_account(std::string_view account, std::string_view database) {
  auto done = put(accounts_, account, database);
  number_lines();
  return done;
}

Result<void> MailboxCatalogue::put_account(std::string_view account, std::string_view database) {
  if (auto done = pin_account(account, database); !done) return done;
  const auto own = accounts_.extract(std::string(account));
  if (database_of(account) != database) accounts_[own.key()] = own.mapped();
  number_lines();
  return {};
}

}  // namespace hikyaku::record
