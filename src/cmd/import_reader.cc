#include "cmd/import_reader.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "cmd/import_files.h"
#include "store/folder_file.h"
#include "store/mailbox_name.h"
#include "store/maildir.h"

namespace hikyaku::cmd {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMostKeywordOctets = 16384;
/// It may lead round in a circle, or to what is read in its own place as well.
constexpr const char* kLink = "a symbolic link to a folder is not followed";

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// Numbers within names in the order of numbers: "7.eml" before "10.eml".
bool before(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto take_number = [&](std::string_view& text) {
    auto number = text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
    text.remove_prefix(number.size());
    number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
    return number;
  };
  while (!a.empty() && !b.empty()) {
    if (digit(a.front()) && digit(b.front())) {
      const auto one = take_number(a), other = take_number(b);
      if (one.size() != other.size()) return one.size() < other.size();
      if (one != other) return one < other;
      continue;
    }
    if (a.front() != b.front()) return a.front() < b.front();
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  return a.size() < b.size();
}

/// The names in a folder, in order; an Error when it can't be read.
Result<std::vector<std::string>> names_in(const fs::path& folder) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error))
    names.push_back(at->path().filename().string());
  if (error) return fail(Fault::permanent, error.message());
  std::ranges::sort(names, [](const std::string& a, const std::string& b) {
    return before(a, b) || (!before(b, a) && a < b);
  });
  return names;
}

bool is_link(const fs::path& path) {
  std::error_code ignored;
  return fs::is_symlink(fs::symlink_status(path, ignored));
}

bool is_maildir(const fs::path& folder) { return is_folder(folder / "cur") || is_folder(folder / "new"); }

/// Also one without an INBOX of its own, but with folders.
bool has_maildirs(const fs::path& folder) {
  if (is_maildir(folder)) return true;
  const auto names = names_in(folder);
  return names && std::ranges::any_of(*names, [&](const std::string& name) {
           return name.starts_with('.') && is_maildir(folder / name);
         });
}

/// What exports write, and Thunderbird.
bool is_own_mbox(std::string_view name) { return name == "mbox" || name == "Inbox"; }
/// "Sent.mbox", and "Sent" as Thunderbird has it.
bool is_other_mbox(const fs::path& file) {
  const auto name = file.filename().string();
  if (is_own_mbox(name) || name.ends_with(".eml")) return false;
  return name.ends_with(".mbox") || looks_like_mbox(file);
}
/// "Sent.mbox" -> "Sent"; "Sent.sbd", what Thunderbird has below it -> "Sent".
std::string_view without_ending(std::string_view name) {
  for (const std::string_view ending : {".mbox", ".sbd"}) {
    if (name.size() > ending.size() && name.ends_with(ending))
      return name.substr(0, name.size() - ending.size());
  }
  return name;
}

std::string below(const std::string& mailbox, std::string_view part) {
  return mailbox + store::kDelimiter + std::string(part);
}

store::MboxSplitter::Quoting quoting_of(std::optional<ImportFormat> format) {
  using enum store::MboxSplitter::Quoting;
  return format == ImportFormat::mboxo ? mboxo : mboxrd;
}

store::MaildirKeywords keywords_of(const fs::path& folder) {
  std::ifstream file(folder / "dovecot-keywords", std::ios::binary);
  std::string text(kMostKeywordOctets, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return store::MaildirKeywords::parse(text);
}

/// What the name of a file says. Appends letters that no keyword is known for to `unknown`.
serve::ImportHead head_of(std::string_view file, const store::MaildirKeywords& keywords,
                          std::set<char>& unknown) {
  const auto name = store::MaildirName::parse(file);
  serve::ImportHead head;
  head.received = name.received.value_or(Time{});
  head.flags = name.flags;
  // The limits of keywords are above 27 of those that dovecot-keywords has.
  if (name.passed) (void)head.keywords.add("$Forwarded");
  for (const char letter : name.letters) {
    if (keywords.word(letter).empty() || !head.keywords.add(keywords.word(letter))) unknown.insert(letter);
  }
  return head;
}

}  // namespace

Result<void> ImportReader::read(const fs::path& path, const std::string& mailbox,
                                std::optional<ImportFormat> format) {
  std::error_code error;
  if (!fs::exists(path, error))
    return fail(Fault::not_found,
                path.string() + ": " + (error ? error.message() : "there is no such file or folder"));
  if (format == ImportFormat::maildir && !is_folder(path))
    return fail(Fault::malformed, path.string() + ": a Maildir is a folder");
  return take(path, mailbox, format);
}

/// A path that may have gone since its name was read: then it is told as one that can't be read.
Result<void> ImportReader::take(const fs::path& path, const std::string& mailbox,
                                std::optional<ImportFormat> format) {
  if (is_folder(path)) {
    if (format == ImportFormat::maildir || (!format && has_maildirs(path))) return maildir(path, mailbox);
    return tree(path, mailbox, format, 0);
  }
  if (auto opened = target_.mailbox(mailbox); !opened) return opened;
  const auto name = path.filename().string();
  const bool mbox = is_own_mbox(name) || is_other_mbox(path);
  if (!format) format = mbox ? ImportFormat::mbox : ImportFormat::eml;
  if (format == ImportFormat::eml) return import_message(target_, path, {}, tell_);
  return import_mbox(target_, path, quoting_of(format), tell_, progress_);
}

Result<void> ImportReader::read_all(const fs::path& path, std::optional<ImportFormat> format) {
  const auto names = names_in(path);
  if (!names) return fail(Fault::not_found, path.string() + ": " + names.error().text);
  for (const auto& name : *names) {
    const auto account = store::part_of_folder_file(name);
    if (!account) continue;
    if (!is_folder(path / name)) {
      remark(path / name, "it is no folder of an account: passed over");
      continue;
    }
    if (!store::is_inbox(*account)) {
      unreadable(path / name, "its name is not that of an account");
      continue;
    }
    if (auto done = take(path / name, *account, format); !done) return done;
  }
  return {};
}

Result<void> ImportReader::maildir(const fs::path& folder, const std::string& mailbox) {
  if (auto opened = target_.mailbox(mailbox); !opened) return opened;
  if (auto done = maildir_messages(folder); !done) return done;
  const auto names = names_in(folder);
  if (!names) {
    unreadable(folder, names.error().text);
    return {};
  }
  for (const auto& name : *names) {
    const auto place = folder / name;
    if (name == "cur" || name == "new" || name == "tmp" || !is_folder(place) || !is_maildir(place)) continue;
    // Maildir++ has all folders beside each other; Dovecot's LAYOUT=fs has them in each other.
    if (is_link(place)) {
      remark(place, kLink);
      continue;
    }
    const bool dotted = name.starts_with('.');
    const auto part = dotted ? store::below_of_maildir_folder(name) : store::part_of_folder_file(name);
    if (!part) {
      unreadable(place, "its name is not that of a mailbox");
      continue;
    }
    const auto inferior = below(mailbox, *part);
    if (!dotted) {
      if (auto done = maildir(place, inferior); !done) return done;
      continue;
    }
    if (auto opened = target_.mailbox(inferior); !opened) return opened;
    if (auto done = maildir_messages(place); !done) return done;
  }
  return {};
}

Result<void> ImportReader::maildir_messages(const fs::path& folder) {
  std::vector<std::pair<std::string, const char*>> files;
  for (const auto* part : {"cur", "new"}) {
    if (!is_folder(folder / part)) continue;
    auto names = names_in(folder / part);
    if (!names) {
      unreadable(folder / part, names.error().text);
      continue;
    }
    for (auto& name : *names) {
      if (!name.starts_with('.')) files.emplace_back(std::move(name), part);
    }
  }
  std::ranges::sort(files, [](const auto& a, const auto& b) {
    return before(a.first, b.first) || (!before(b.first, a.first) && a < b);
  });
  const auto keywords = keywords_of(folder);
  std::set<char> unknown;
  std::uint64_t done = 0;
  for (const auto& [name, part] : files) {
    const auto head = head_of(name, keywords, unknown);
    if (auto imported = import_message(target_, folder / part / name, head, tell_); !imported)
      return imported;
    progress_(++done, files.size());
  }
  if (!unknown.empty()) {
    unreadable(folder / "dovecot-keywords",
               "the names of files here have letters of keywords that it does not know: " +
                   std::string(unknown.begin(), unknown.end()));
  }
  return {};
}

Result<void> ImportReader::tree(const fs::path& folder, const std::string& mailbox,
                                std::optional<ImportFormat> format, unsigned depth) {
  if (depth > store::kDeepestName) {
    unreadable(folder, "folders are nested too deep");
    return {};
  }
  if (auto opened = target_.mailbox(mailbox); !opened) return opened;
  const auto names = names_in(folder);
  if (!names) {
    unreadable(folder, names.error().text);
    return {};
  }
  // What goes to other mailboxes comes after this one's own messages: each is opened once.
  std::vector<std::string> others;
  std::uint64_t done = 0;
  for (const auto& name : *names) {
    progress_(++done, names->size());
    if (name.starts_with('.')) continue;
    const auto place = folder / name;
    if (is_folder(place) && is_link(place)) {
      remark(place, kLink);
    } else if (is_folder(place) || (format != ImportFormat::eml && is_other_mbox(place))) {
      others.push_back(name);
    } else if (auto imported = tree_file(place, format); !imported) {
      return imported;
    }
  }
  for (const auto& name : others) {
    const auto part = store::part_of_folder_file(without_ending(name));
    if (!part) continue;
    const auto place = folder / name;
    const auto inferior = below(mailbox, *part);
    auto imported = is_folder(place) && (format || !is_maildir(place))
                        ? tree(place, inferior, format, depth + 1)
                        : take(place, inferior, format);
    if (!imported) return imported;
  }
  return {};
}

/// A file that belongs to the mailbox which is open.
Result<void> ImportReader::tree_file(const fs::path& file, std::optional<ImportFormat> format) {
  if (format != ImportFormat::eml && is_own_mbox(file.filename().string()))
    return import_mbox(target_, file, quoting_of(format), tell_, progress_);
  if (format == ImportFormat::eml || (!format && file.extension() == ".eml"))
    return import_message(target_, file, {}, tell_);
  remark(file, "it is neither an mbox nor an .eml file: passed over");
  return {};
}

}  // namespace hikyaku::cmd
