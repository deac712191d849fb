#include "io/manifest_check.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "base/crc32c.h"
#include "io/log_format.h"
#include "io/mapped_file.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "MANIFEST-";

std::string small_file(const fs::path& path) {
  constexpr std::size_t kMost = 4096;
  std::ifstream file(path, std::ios::binary);
  std::string octets(kMost, '\0');
  file.read(octets.data(), kMost);
  octets.resize(static_cast<std::size_t>(file.gcount()));
  return octets;
}

/// The first fragment that is not intact; the checksums of a manifest are those of a log.
std::optional<std::size_t> first_damage(std::string_view manifest) {
  for (std::size_t at = 0;;) {
    at = log_format::skip_padding(at);
    if (at >= manifest.size()) return std::nullopt;
    const auto look = log_format::look_at(manifest, at);
    if (!look.fragment) return at;
    at = look.fragment->end;
  }
}

std::string names_of(const DatabaseHeader& header) {
  std::string names;
  for (const auto& one : header.manifests) names += (names.empty() ? "" : " or ") + manifest_name(one.number);
  return names;
}

}  // namespace

std::string manifest_name(std::uint64_t number) {
  char name[40];
  std::snprintf(name, sizeof name, "MANIFEST-%06llu", static_cast<unsigned long long>(number));
  return name;
}

std::uint64_t manifest_number(std::string_view file_name) {
  if (!file_name.starts_with(kPrefix)) return 0;
  file_name.remove_prefix(kPrefix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(file_name.data(), file_name.data() + file_name.size(), number);
  return error == std::errc() && end == file_name.data() + file_name.size() ? number : 0;
}

std::uint64_t current_manifest(const fs::path& db) {
  std::string_view line;
  const auto octets = small_file(db / "CURRENT");
  line = octets;
  if (!line.ends_with('\n')) return 0;
  line.remove_suffix(1);
  return manifest_number(line);
}

std::optional<std::string> manifest_fault(const fs::path& db, const DatabaseHeader& header) {
  if (header.manifests.empty()) return std::nullopt;
  const auto current = (db / "CURRENT").string();
  std::error_code error;
  if (!fs::exists(db / "CURRENT", error))
    return current + ": missing; it names the list of tables " + names_of(header);
  const auto number = current_manifest(db);
  const auto listed = std::ranges::find(header.manifests, number, &CataloguedManifest::number);
  if (listed == header.manifests.end()) {
    return current + ": damaged, or of another database: it names " +
           (number == 0 ? std::string("no list of tables") : manifest_name(number)) + " and not " +
           names_of(header);
  }
  return manifest_fault(db, *listed);
}

std::optional<std::string> manifest_fault(const fs::path& db, const CataloguedManifest& listed) {
  const auto path = db / manifest_name(listed.number);
  const auto file = MappedFile::open(path);
  if (!file) return path.string() + ": the list of tables: " + file.error().text;
  const auto octets = file->contents();
  if (octets.size() < listed.octets) {
    return path.string() + ": the list of tables ends at offset " + std::to_string(octets.size()) + ", and " +
           std::to_string(listed.octets) + " octets were written";
  }
  const auto known = octets.substr(0, static_cast<std::size_t>(listed.octets));
  if (crc32c(known) == listed.checksum) return std::nullopt;
  const auto at = first_damage(known);
  return path.string() + ": the list of tables is " +
         (at ? "damaged at offset " + std::to_string(*at)
             : std::string("not the one that this database wrote"));
}

std::optional<std::uint64_t> unfinished_manifest(const fs::path& db, const DatabaseHeader& header) {
  const auto listed = std::ranges::find(header.manifests, current_manifest(db), &CataloguedManifest::number);
  if (listed == header.manifests.end()) return std::nullopt;
  const auto file = MappedFile::open(db / manifest_name(listed->number));
  if (!file) return std::nullopt;  // which manifest_fault() has told
  const auto octets = file->contents();
  std::uint64_t whole = 0;
  for (std::size_t at = 0; (at = log_format::skip_padding(at)) < octets.size();) {
    const auto look = log_format::look_at(octets, at);
    if (!look.fragment) break;
    at = look.fragment->end;
    if (look.fragment->ends()) whole = at;
  }
  return whole < octets.size() && whole >= listed->octets ? std::optional(whole) : std::nullopt;
}

std::uint32_t identity_sum(const fs::path& db) {
  const auto identity = small_file(db / "IDENTITY");
  return identity.empty() ? 0 : crc32c(identity);
}

bool header_is_foreign(const fs::path& db, const DatabaseHeader& header, const std::vector<LogReport>& logs) {
  if (header.identity == 0 || identity_sum(db) == header.identity || !manifest_fault(db, header))
    return false;
  return std::ranges::none_of(logs, [](const LogReport& log) {
    return log.records > 0 && (log.state == LogReport::State::ok || log.state == LogReport::State::torn ||
                               log.state == LogReport::State::corrupt);
  });
}

}  // namespace hikyaku::io
