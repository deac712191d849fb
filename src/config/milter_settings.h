#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/origin.h"
#include "base/result.h"
#include "config/diagnostic.h"
#include "config/main_cf.h"
#include "milter/client_session.h"
#include "milter/endpoint.h"
#include "milter/macros.h"
#include "rewrite/settings.h"
#include "table/maps.h"
#include "table/table.h"

namespace hikyaku::config {

/// One filter of a list: "inet:localhost:8891", or "{ inet:localhost:8891, default_action=accept }", with
/// what its setting says, or else the settings for all (milter_connect_timeout ...).
struct Milter {
  std::string name;  ///< for logs: the endpoint as it is written, or where a path that is not whole leads
  Origin origin;
  milter::Endpoint endpoint;  ///< with the whole path
  std::chrono::seconds connect_timeout{30}, command_timeout{30}, content_timeout{300};
  milter::DefaultAction default_action = milter::DefaultAction::tempfail;
  std::uint32_t protocol = milter::kVersion;
  bool no_header_reply = false;  ///< "6 no_header_reply": it does not answer headers
  bool tell_ahead = true;        ///< hikyaku_milter_tell_ahead (milter::ClientSession)
  std::string fault;             ///< of read_milters(): what is wrong with it, so that nobody can ask it
};

/// The filters of one service (smtpd_milters), or of mail that does not come by SMTP (non_smtpd_milters).
struct MilterSettings {
  std::string_view setting;  ///< "smtpd_milters"; a literal
  std::vector<Milter> filters;
  /// smtpd_milter_maps: client address -> another list of filters, or DISABLE. Empty: not set.
  table::Maps by_client;
  Origin by_client_origin;
  Milter defaults;        ///< what an element of `by_client` has that it does not say itself
  std::string directory;  ///< queue_directory: relative paths are below it, and
  bool chroot = false;    ///< absolute ones too, as where master.cf has Postfix's daemon in there

  milter::MacroLists macros;                                        ///< milter_*_macros
  std::string hostname;                                             ///< {j}
  std::string daemon_name;                                          ///< milter_macro_daemon_name
  std::string version;                                              ///< {v}: milter_macro_v
  std::vector<std::pair<std::string, std::string>> macro_defaults;  ///< milter_macro_defaults
  rewrite::Checks header_checks;                                    ///< milter_header_checks

  /// Some client's mail may pass a filter.
  bool any() const { return !filters.empty() || !by_client.empty(); }
};

/// Reads smtpd_milters and smtpd_milter_maps as the service sees them; none with
/// receive_override_options = no_milters. Each fault is added to `diagnostics`, with its place; so is, as a
/// warning, what a table's entry is known to give and is neither DISABLE nor a list of filters.
MilterSettings smtpd_milter_settings(const Main& main, table::Opener& opener, Diagnostics& diagnostics);
/// Reads non_smtpd_milters.
MilterSettings non_smtpd_milter_settings(const Main& main, table::Opener& opener, Diagnostics& diagnostics);

/// Reads a list of filters, as a table of smtpd_milter_maps gives it. One that is none has its `fault`.
std::vector<Milter> read_milters(const MilterSettings& settings, std::string_view text, Origin origin);

}  // namespace hikyaku::config
