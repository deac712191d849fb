#pragma once
#include <string>
#include <vector>

namespace hikyaku::config {

/// What `hikyaku setup` asks for.
struct SetupAnswers {
  std::string hostname;               ///< myhostname: mail.example.com
  std::vector<std::string> domains;   ///< whose people have their mailboxes here; may be empty
  std::vector<std::string> networks;  ///< besides this machine, that may send without a login: 192.0.2.0/24
  std::string relay;                  ///< relayhost; empty: straight to each domain's servers
  std::string certificate, key;       ///< PEM files; empty: none
};

struct ConfigurationTexts {
  std::string main, master;
};

/// Files of main.cf and master.cf for these answers, that say why for each line. Pure; the answers must hold
/// no line ends.
ConfigurationTexts first_configuration(const SetupAnswers& answers);

}  // namespace hikyaku::config
