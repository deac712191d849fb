#include "serve/configuration_host.h"

#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/escape.h"
#include "config/spelling.h"

namespace hikyaku::serve {
namespace {

constexpr std::size_t kMostFiles = 1000, kMostOctets = std::size_t{4} << 20,
                      kMostTogether = std::size_t{64} << 20;
constexpr std::size_t kMostLines = 100;

/// The files of a pattern, in the order of their names.
std::vector<std::string> files_of(const std::string& pattern) {
  // A file of that very name is meant, whatever stands in it.
  if (std::error_code error; std::filesystem::is_regular_file(pattern, error)) return {pattern};
  std::vector<std::string> names;
  glob_t found{};
  if (::glob(pattern.c_str(), GLOB_BRACE, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc && i < kMostFiles; ++i) names.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  return names;
}

PlainValue nearest(const std::string& word, const PlainValue::List& arguments) {
  std::vector<std::string_view> words;
  const auto* list = arguments.size() > 1 ? arguments[1].list() : nullptr;
  if (list != nullptr)
    for (const auto& one : *list)
      if (const auto* known = one.text()) words.push_back(*known);
  const auto near = config::nearest(word, words);
  return near.empty() ? PlainValue() : PlainValue(near);
}

PlainValue ask_file(const std::string& what, const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (what == "exist") return std::filesystem::exists(status);
  if (what == "file") return std::filesystem::is_regular_file(status);
  if (what == "directory") return std::filesystem::is_directory(status);
  if (what == "socket") return std::filesystem::is_socket(status);
  return ::access(path.c_str(), what == "executable" ? X_OK : R_OK) == 0;
}

}  // namespace

ConfigurationHost::ConfigurationHost(const std::string& name, std::size_t stress)
    : folder_(std::filesystem::absolute(name).parent_path().string()), stress_(stress) {}

Result<PlainValue> ConfigurationHost::answer(std::string_view what, const PlainValue::List& arguments) {
  if (what == "log") {
    if (arguments.size() > 1 && arguments[1].text() != nullptr && log_.size() < kMostLines)
      log_.push_back(escaped(*arguments[1].text()));
    return PlainValue();
  }
  auto question = PlainValue(PlainValue::List{what, arguments}).encoded();
  if (const auto known = known_.find(question); known != known_.end()) return known->second;
  auto answer = look(what, arguments);
  octets_ += question.size();
  if (octets_ > kMostTogether) return fail(Fault::permanent, "the configuration asks for more than 64 MiB");
  return known_.emplace(std::move(question), std::move(answer)).first->second;
}

Result<PlainValue> ConfigurationHost::look(std::string_view what, const PlainValue::List& arguments) {
  const auto text = [&arguments](std::size_t number) -> std::string {
    const auto* value = number < arguments.size() ? arguments[number].text() : nullptr;
    return value == nullptr ? std::string() : *value;
  };
  if (what == "load") return load(text(0));
  if (what == "nearest") return nearest(text(0), arguments);
  if (what == "folder") return PlainValue(folder_);
  if (what == "stress") return PlainValue(static_cast<std::int64_t>(stress_));
  if (what == "environment") {
    const auto* value = std::getenv(text(0).c_str());
    return value == nullptr ? PlainValue() : PlainValue(value);
  }
  if (what == "file") return ask_file(text(0), absolute(text(1)));
  if (what == "read") {
    auto read_text = read(absolute(text(0)));
    if (!read_text) return std::unexpected(std::move(read_text.error()));
    return PlainValue(*std::move(read_text));
  }
  return fail(Fault::permanent, "'" + escaped(what, 100) + "' is nothing that can be asked");
}

std::string ConfigurationHost::absolute(const std::string& path) const {
  return path.starts_with('/') ? path : folder_ + "/" + path;
}

Result<std::string> ConfigurationHost::read(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  std::error_code error;
  const auto size = std::filesystem::file_size(name, error);
  if (!file || error)
    return fail(Fault::not_found, "read " + name + ": there is no such file, or no access to it");
  if (size > kMostOctets || octets_ + size > kMostTogether)
    return fail(Fault::permanent, "read " + name + ": a file of a configuration may have " +
                                      std::to_string(kMostOctets) + " octets, and all of them " +
                                      std::to_string(kMostTogether));
  octets_ += size;
  if (files_.size() < kMostFiles && std::ranges::find(files_, name) == files_.end()) files_.push_back(name);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<PlainValue> ConfigurationHost::load(const std::string& pattern) {
  PlainValue::List all;
  for (const auto& name : files_of(absolute(pattern))) {
    auto text = read(name);
    if (!text) return std::unexpected(std::move(text.error()));
    all.emplace_back(PlainValue::List{name, *std::move(text)});
  }
  return PlainValue(std::move(all));
}

}  // namespace hikyaku::serve
