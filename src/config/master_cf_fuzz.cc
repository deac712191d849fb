#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/master_cf.h"

namespace {

using hikyaku::config::Master;
using hikyaku::config::Service;

/// Whether the word can stand as it is: no white space outside of {}, every { closed, nothing that has a
/// meaning.
bool stands_bare(std::string_view word) {
  if (word.empty() || word == "=" || word.starts_with("-o") || word.starts_with('{')) return false;
  std::size_t level = 0;
  for (const char c : word) {
    if (c == '{') ++level;
    if (c == '}' && level > 0) --level;
    if (level == 0 && std::string_view(" \t\r\n\v\f").contains(c)) return false;
  }
  return level == 0;
}

std::string printed(std::string_view word) {
  return ' ' + (stands_bare(word) ? std::string(word) : "{ " + std::string(word) + " }");
}

std::string printed(const std::optional<bool>& flag) { return !flag ? " -" : (*flag ? " y" : " n"); }

std::string printed(const Service& service) {
  std::string line = service.name + ' ' + std::string(text(service.kind)) + printed(service.is_private) +
                     " -" + printed(service.chroot) + " - " +
                     (service.maxproc ? std::to_string(*service.maxproc) : std::string("-")) + ' ' +
                     service.command;
  for (const auto& arg : service.args) line += printed(std::string_view(arg));
  for (const auto& override : service.overrides) {
    line += " -o" + printed(std::string_view(override.name + '=' + override.value));
  }
  return line + '\n';
}

bool same(const Service& a, const Service& b) {
  if (a.overrides.size() != b.overrides.size()) return false;
  for (std::size_t at = 0; at < a.overrides.size(); ++at) {
    if (a.overrides[at].name != b.overrides[at].name || a.overrides[at].value != b.overrides[at].value)
      return false;
  }
  return a.kind == b.kind && a.role == b.role && a.name == b.name && a.host == b.host && a.port == b.port &&
         a.command == b.command && a.args == b.args && a.is_private == b.is_private && a.chroot == b.chroot &&
         a.maxproc == b.maxproc;
}

}  // namespace

// What parses prints and parses back to itself.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  hikyaku::SourceCatalogue sources;
  hikyaku::config::Diagnostics diagnostics;
  const auto master = Master::parse(text, "master.cf", sources, diagnostics);
  std::string all = "#\n";
  for (const auto& service : master.services()) all += printed(service);
  const auto second = Master::parse(all, "printed", sources, diagnostics);
  if (second.services().size() != master.services().size()) std::abort();
  for (std::size_t at = 0; at < master.services().size(); ++at) {
    if (!same(master.services()[at], second.services()[at])) std::abort();
  }
  return 0;
}
