#include "serve/hub_greylist.h"

#include <utility>

#include "base/escape.h"
#include "config/greylist_conf.h"
#include "config/greylist_unasked.h"

namespace hikyaku::serve {
namespace {

/// What is the hub's own business, whatever the file says of it.
void warn_of_process_settings(const greylist::Configuration& configuration,
                              config::Diagnostics& diagnostics) {
  const auto warn = [&](const auto& setting, const char* word, const char* instead) {
    if (setting.given())
      diagnostics.warning(setting.origin, std::string(word) + " does not count in the hub: " + instead, word);
  };
  warn(configuration.socket, "socket", "there is no filter to connect to");
  warn(configuration.pidfile, "pidfile", "it has its own");
  warn(configuration.user, "user", "it is who it was started as");
  warn(configuration.nodetach, "nodetach", "it is started by its own command");
  if (configuration.logfac.given() && configuration.logfac.value != "mail")
    diagnostics.warning(configuration.logfac.origin,
                        "logfac does not count in the hub: its log takes the lines", "logfac");
}

}  // namespace

greylist::Learning hub_learning(const config::Main& main) {
  greylist::Learning learning;
  learning.sender_pools = main.boolean("hikyaku_greylist_pools");
  learning.domain_passes = static_cast<std::uint32_t>(main.integer("hikyaku_greylist_domain_passes"));
  return learning;
}

Result<greylist::Configuration> load_hub_greylist(const std::string& file, config::Diagnostics& diagnostics,
                                                  SourceCatalogue& sources) {
  const auto text = io::read_stable_file(file);
  if (!text) return std::unexpected(text.error());
  auto configuration = config::read_greylist_conf(text->text, sources.add(file), diagnostics);
  config::warn_of_unasked_checks(configuration, diagnostics);
  warn_of_process_settings(configuration, diagnostics);
  return configuration;
}

HubGreylist read_hub_greylist(const config::Main& main, const std::shared_ptr<SourceCatalogue>& sources,
                              config::Diagnostics& diagnostics) {
  const auto& setting = main.text("hikyaku_greylist");
  HubGreylist out;
  if (setting.text.empty()) return out;
  out.file = setting.text;
  out.stamp = io::stamp_of(out.file);
  if (main.text("hikyaku_greylist_peer_secret_file").text.empty()) {
    // Who gives one of them wants peers to be sure of each other.
    for (const auto* name : {"hikyaku_greylist_peer_tls_cert_file", "hikyaku_greylist_peer_tls_key_file",
                             "hikyaku_greylist_peer_tls_CAfile", "hikyaku_greylist_peer_plain"})
      if (!main.origin(name).built_in())
        diagnostics.error(main.origin(name),
                          std::string(name) + " is of no use without hikyaku_greylist_peer_secret_file");
  } else {
    for (const auto* name : {"hikyaku_greylist_peer_tls_cert_file", "hikyaku_greylist_peer_tls_CAfile"})
      if (main.text(name).text.empty())
        diagnostics.error(main.origin("hikyaku_greylist_peer_secret_file"),
                          std::string("hikyaku_greylist_peer_secret_file needs ") + name + " too");
  }
  auto configuration = load_hub_greylist(out.file, diagnostics, *sources);
  if (!configuration) {
    diagnostics.error(setting.origin, "hikyaku_greylist: " + escaped(configuration.error().text));
    return out;
  }
  out.rules = std::make_shared<const GreylistRules>(std::move(*configuration), sources);
  return out;
}

}  // namespace hikyaku::serve
