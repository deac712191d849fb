#include "config/postfix_milters.h"

#include <algorithm>
#include <compare>
#include <utility>

#include "config/expand.h"
#include "config/logical_lines.h"

namespace hikyaku::config {
namespace {

constexpr std::string_view kQueue = "/var/spool/postfix";  // where main.cf does not say it
constexpr std::size_t kChrootField = 5, kFields = 8;

bool is_white(char c) { return kWhiteSpace.contains(c) || c == '\r' || c == '\n'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_white(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_white(text.back())) text.remove_suffix(1);
  return text;
}

/// "name" of "name = value" and "{ name = value }".
std::string_view assigned_name(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return {};
  text = trimmed(text.substr(0, equals));
  if (text.starts_with('{')) text = trimmed(text.substr(1));
  return text;
}

/// The names that a value refers to.
std::vector<std::string> references(const std::string& name, const SourceText& value) {
  class : public Names {
    const SourceText* find(std::string_view /*name*/) const override { return nullptr; }
  } nothing;
  Diagnostics unheard;
  std::vector<std::string> names;
  (void)expand(name, value, nothing, unheard, &names);
  return names;
}

std::size_t transport_size(std::string_view text) {
  for (const std::string_view transport : {"unix:", "local:"}) {
    if (text.starts_with(transport)) return transport.size();
  }
  return 0;
}

bool has_socket(const Main& main, std::string_view setting) {
  return std::ranges::any_of(main.list(setting), [](const Value& element) {
    std::string_view text = element.text;
    if (text.starts_with('{')) text = trimmed(text.substr(1));
    return transport_size(text) > 0;
  });
}

/// The end of a path: what stands between elements, but for what ${...} holds.
std::size_t path_end(std::string_view text) {
  std::size_t level = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '{' || c == '(') {
      ++level;
    } else if ((c == '}' || c == ')') && level > 0) {
      --level;
    } else if (level == 0 && (c == '}' || c == ',' || is_white(c))) {
      return at;
    }
  }
  return text.size();
}

/// "name" of "$name/x", "${name}/x" and "$(name)/x", and the size of that reference; {} if it is none.
std::pair<std::string_view, std::size_t> leading_reference(std::string_view text) {
  if (!text.starts_with('$')) return {};
  const auto open = text.substr(1, 1);
  if (open == "{" || open == "(") {
    const auto close = text.find(open == "{" ? '}' : ')');
    if (close == std::string_view::npos) return {};
    return {text.substr(2, close - 2), close + 1};
  }
  const auto end = std::ranges::find_if_not(text.substr(1), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  const auto size = static_cast<std::size_t>(end - text.begin());
  return {text.substr(1, size - 1), size};
}

bool asks_no_milters(const Main& main) {
  return std::ranges::any_of(main.list("receive_override_options"),
                             [](const Value& one) { return one.text == "no_milters"; });
}

Files read(const FileTexts& texts, SourceCatalogue& sources) {
  Diagnostics unheard;
  return read_files(texts, {}, sources, unheard);
}

}  // namespace

PostfixMilters::PostfixMilters(const FileTexts& texts) : files_(read(texts, sources_)), queue_(kQueue) {
  const auto& main = files_.main;
  if (main.is_set("queue_directory")) queue_ = main.text("queue_directory").text;
  // Without the parameter Postfix is as it was before there was one.
  const auto level = main.is_set("compatibility_level") ? main.text("compatibility_level").text : "0";
  const auto order = compare_levels(level, "1");
  const bool old = order && *order == std::strong_ordering::less;
  collect_smtpd(old);
  collect_cleanup(old);
}

void PostfixMilters::collect_smtpd(bool old) {
  for (const auto& service : files_.master.services()) {
    const auto& view = files_.view(service);
    if (service.command != "smtpd" || asks_no_milters(view)) continue;
    const bool chrooted = is_chrooted(service, old);
    collect(view, &service, "smtpd_milters", chrooted);
    if (chrooted && has_socket(view, "smtpd_milters")) unchrooted_.insert(service.origin.line);
  }
}

void PostfixMilters::collect_cleanup(bool old) {
  const auto* cleanup = cleanup_of(files_.master, files_.main);
  const bool chrooted = cleanup != nullptr && is_chrooted(*cleanup, old);
  bool sockets = has_socket(files_.main, "non_smtpd_milters");
  collect(files_.main, nullptr, "non_smtpd_milters", chrooted);
  for (const auto& service : files_.master.services()) {
    if (service.role != Service::Role::pickup) continue;
    const auto& view = files_.view(service);
    collect(view, &service, "non_smtpd_milters", chrooted);
    sockets = sockets || has_socket(view, "non_smtpd_milters");
  }
  if (chrooted && sockets) unchrooted_.insert(cleanup->origin.line);
}

/// Notes who reads a setting and all that it refers to.
void PostfixMilters::collect(const Main& main, const Service* service, std::string_view setting,
                             bool chrooted) {
  std::vector<std::string> names{std::string(setting)};
  for (std::size_t at = 0; at < names.size(); ++at) {
    const auto name = names[at];
    const auto* value = main.written(name);
    if (value == nullptr) continue;
    const bool overridden =
        service != nullptr &&
        std::ranges::any_of(service->overrides, [&](const Override& o) { return o.name == name; });
    auto& readers = overridden ? in_master_[service->origin.line][name] : in_main_[name];
    (chrooted ? readers.below : readers.whole) = true;
    for (auto& other : references(name, *value)) {
      if (std::ranges::find(names, other) == names.end()) names.push_back(std::move(other));
    }
  }
}

/// The path that leads to it from everywhere; nullopt if it can't be told.
std::optional<std::string> PostfixMilters::whole_path(std::string_view path, Readers readers) const {
  std::string text(path);
  bool absolute = path.starts_with('/');
  if (const auto [name, size] = leading_reference(path); size > 0) {
    const auto* value = files_.main.find(name);
    if (value == nullptr) return std::nullopt;
    if (name == "queue_directory") text = queue_ + text.substr(size);
    absolute = value->text.starts_with('/');
  } else if (path.empty() || path.starts_with('$')) {
    return std::nullopt;
  }
  if (!absolute) return queue_ + '/' + text;
  return readers.below ? queue_ + text : text;
}

std::string PostfixMilters::with_sockets(std::string_view text, Readers readers, std::string& why) const {
  std::string out;
  char before = ' ';
  while (!text.empty()) {
    const auto transport =
        is_white(before) || std::string_view(",{=").contains(before) ? transport_size(text) : 0;
    if (transport > 0) {
      const auto path = text.substr(transport, path_end(text.substr(transport)));
      const auto whole = whole_path(path, readers);
      if (whole && *whole != path) {
        why = "its filter listens below Postfix's queue_directory";
        if (readers.below && readers.whole && path.starts_with('/'))
          why += ", for those services at least that have chroot y";
      }
      out.append(text.substr(0, transport)).append(whole ? *whole : std::string(path));
      text.remove_prefix(transport + path.size());
      before = 'x';
      continue;
    }
    before = text.front();
    out += before;
    text.remove_prefix(1);
  }
  return out;
}

PostfixMilters::Line PostfixMilters::main_line(std::string_view line, bool continues) {
  std::size_t value = 0;
  if (!continues) {
    const auto found = in_main_.find(assigned_name(line));
    readers_ = found == in_main_.end() ? std::nullopt : std::optional(found->second);
    value = line.find('=') + 1;
  }
  if (!readers_) return {std::string(line), ""};
  Line out{std::string(line.substr(0, value)), ""};
  out.text += with_sockets(line.substr(value), *readers_, out.why);
  return out;
}

/// `word` is what of it stands on its first line.
void PostfixMilters::begin_word(std::string_view word) {
  ++words_;
  readers_.reset();
  if (words_ <= kFields) return;
  const bool is_option = !override_next_ && word.starts_with("-o");
  const bool assigns = override_next_ || (is_option && word != "-o");
  override_next_ = is_option && word == "-o";
  if (!assigns) return;
  const auto service = in_master_.find(service_);
  if (service == in_master_.end()) return;
  const auto found = service->second.find(assigned_name(is_option ? word.substr(2) : word));
  if (found != service->second.end()) readers_ = found->second;
}

PostfixMilters::Line PostfixMilters::master_line(std::string_view line, bool continues, std::size_t number) {
  if (!continues) {
    service_ = number;
    words_ = depth_ = 0;
    in_word_ = override_next_ = false;
  }
  Line out;
  for (std::size_t at = 0; at < line.size();) {
    if (!in_word_ && is_white(line[at])) {
      out.text += line[at++];
      continue;
    }
    const auto begin = at;
    for (; at < line.size() && (depth_ > 0 || !is_white(line[at])); ++at) {
      if (line[at] == '{') ++depth_;
      if (line[at] == '}' && depth_ > 0) --depth_;
    }
    const auto part = line.substr(begin, at - begin);
    if (!in_word_) begin_word(part);
    in_word_ = at == line.size() && depth_ > 0;
    if (words_ == kChrootField && part != "n" && unchrooted_.contains(service_)) {
      out.text += 'n';
      if (out.why.empty()) out.why = "the hub finds its filters by whole paths";
    } else {
      out.text += readers_ ? with_sockets(part, *readers_, out.why) : std::string(part);
    }
  }
  return out;
}

}  // namespace hikyaku::config
