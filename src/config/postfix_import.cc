#include "config/postfix_import.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "config/postfix_milters.h"

namespace hikyaku::config {
namespace {

struct Own {
  std::string_view name, why;
};
constexpr std::string_view kFolder = "it is a folder of Postfix's; the hub has its own";
constexpr std::string_view kCopied = "the file is copied too";
constexpr std::string_view kProgram = "it is a program or a page of Postfix's";
constexpr std::array kOwn{
    Own{"queue_directory", kFolder},
    Own{"data_directory", kFolder},
    Own{"command_directory", kProgram},
    Own{"daemon_directory", kProgram},
    Own{"sendmail_path", kProgram},
    Own{"mailq_path", kProgram},
    Own{"newaliases_path", kProgram},
    Own{"html_directory", kProgram},
    Own{"manpage_directory", kProgram},
    Own{"readme_directory", kProgram},
    Own{"sample_directory", kProgram},
    Own{"meta_directory", kProgram},
    Own{"shlib_directory", kProgram},
    Own{"config_directory", "the hub is told by -c"},
    Own{"mail_owner", "the hub runs as a user of its own, which its service names"},
};

/// The lines with their ends, one after the other.
std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
  text.remove_prefix(line.size());
  return line;
}

std::string_view without_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_white(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

/// A comment, or nothing: it does not end the line that is continued.
bool says_nothing(std::string_view line) {
  const auto first = std::ranges::find_if_not(line, is_white);
  return first == line.end() || *first == '#';
}

/// "name" of "name = value".
std::string_view name_of(std::string_view line) {
  auto name = line.substr(0, line.find('='));
  while (!name.empty() && is_white(name.back())) name.remove_suffix(1);
  return name;
}

/// With `from` and a slash wherever a path begins so.
std::string moved(std::string_view line, std::string_view from, std::string_view to) {
  std::string out;
  const std::string folder = std::string(from) + '/';
  for (auto at = line.find(folder); at != std::string_view::npos; at = line.find(folder)) {
    // "/srv/etc/postfix/x" is another folder.
    const bool begins = at == 0 || std::string_view(":= \t,{(\"").contains(line[at - 1]);
    out.append(line.substr(0, at)).append(begins ? to : from).append("/");
    line.remove_prefix(at + folder.size());
  }
  return out.append(line);
}

/// Why a line that begins a definition is left out; empty: it is not.
using WhyNot = std::string_view (*)(std::string_view line);
using Edit = std::function<PostfixMilters::Line(std::string_view line, bool continues, std::size_t number)>;

ImportedText imported(std::string_view text, std::string_view from, std::string_view to, WhyNot why_not,
                      const Edit& edit) {
  while (from.size() > 1 && from.ends_with('/')) from.remove_suffix(1);
  while (to.size() > 1 && to.ends_with('/')) to.remove_suffix(1);
  ImportedText result;
  std::string_view why;  // the line that is continued is left out
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = take_line(text);
    const auto shown = std::string(without_end(line));
    if (says_nothing(line)) {
      result.text += line;
      continue;
    }
    const bool continues = is_white(line.front());
    if (!continues) why = why_not(line);
    if (!why.empty()) {
      if (!continues) result.text.append("# Not taken from Postfix: ").append(why).append(".\n");
      result.text.append("#").append(line);
      result.changes.push_back({number, shown, "", std::string(why)});
      continue;
    }
    auto edited = edit(line, continues, number);
    auto is = moved(edited.text, from, to);
    if (is != edited.text) edited.why += edited.why.empty() ? kCopied : "; " + std::string(kCopied);
    if (is != line) result.changes.push_back({number, shown, std::string(without_end(is)), edited.why});
    result.text += is;
  }
  return result;
}

std::string_view why_not_main(std::string_view line) {
  const auto found = std::ranges::find(kOwn, name_of(line), &Own::name);
  return found == kOwn.end() ? std::string_view{} : found->why;
}

std::string_view why_not_master(std::string_view /*line*/) { return {}; }

}  // namespace

ImportedFiles import_files(const FileTexts& texts, std::string_view from, std::string_view to) {
  PostfixMilters milters(texts);
  ImportedFiles files;
  files.main = imported(texts.main_text, from, to, why_not_main,
                        [&](std::string_view line, bool continues, std::size_t /*number*/) {
                          return milters.main_line(line, continues);
                        });
  files.master = imported(texts.master_text, from, to, why_not_master,
                          [&](std::string_view line, bool continues, std::size_t number) {
                            return milters.master_line(line, continues, number);
                          });
  return files;
}

bool is_of_postfix_package(std::string_view name) {
  constexpr std::array<std::string_view, 8> kNames{"post-install", "postfix-files",  "postfix-script",
                                                   "makedefs.out", "dynamicmaps.cf", "postfix-wrapper",
                                                   "LICENSE",      "TLS_LICENSE"};
  return std::ranges::find(kNames, name) != kNames.end() || name.ends_with(".proto") ||
         name.ends_with(".dist") || name.starts_with("dynamicmaps.cf.d/") ||
         name.starts_with("postfix-files.d/");
}

}  // namespace hikyaku::config
