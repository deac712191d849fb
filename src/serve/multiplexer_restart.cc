#include "serve/multiplexer_restart.h"

namespace hikyaku::serve {
namespace {

class Differences {
 public:
  template <class T>
  void look(const char* name, const config::Setting<T>& now, const config::Setting<T>& next) {
    if (!(now.value == next.value)) found_.emplace_back(name, next.origin);
  }
  void look(const std::string& section, const config::ListenerSettings& now,
            const config::ListenerSettings& next) {
    look((section + ".unix_socket_mode").c_str(), now.unix_socket_mode, next.unix_socket_mode);
    look((section + ".unix_socket_group").c_str(), now.unix_socket_group, next.unix_socket_group);
    look((section + ".remove_unix_socket_on_close").c_str(), now.remove_unix_socket_on_close,
         next.remove_unix_socket_on_close);
  }
  void connection(const std::string& section, const config::ListenerSettings& now,
                  const config::ListenerSettings& next) {
    const bool same = now.connection.has_value() == next.connection.has_value() &&
                      (!now.connection || **now.connection == **next.connection);
    if (!same)
      found_.emplace_back(section + ".connection_spec", next.connection ? next.connection->origin : Origin{});
  }
  void name_servers(const std::vector<std::string>& now, const std::vector<std::string>& next) {
    if (now != next) found_.emplace_back("dnsbl.name_servers", Origin{});
  }
  std::vector<std::pair<std::string, Origin>> take() { return std::move(found_); }

 private:
  std::vector<std::pair<std::string, Origin>> found_;
};

}  // namespace

std::vector<std::pair<std::string, Origin>> not_until_restart(const config::MultiplexerSettings& now,
                                                              const config::MultiplexerSettings& next,
                                                              bool new_socket) {
  Differences all;
  if (!new_socket) all.look("manager", now.manager, next.manager);
  all.connection("controller", now.controller, next.controller);
  all.look("controller", now.controller, next.controller);
  all.look("manager.pid_file", now.pid_file, next.pid_file);
  all.look("manager.n_workers", now.n_workers, next.n_workers);
  all.look("manager.max_file_descriptors", now.max_file_descriptors, next.max_file_descriptors);
  all.look("security.effective_user", now.effective_user, next.effective_user);
  all.look("security.effective_group", now.effective_group, next.effective_group);
  all.look("log.path", now.log_path, next.log_path);
  all.look("log.use_syslog", now.use_syslog, next.use_syslog);
  all.name_servers(now.dns_servers, next.dns_servers);
  return all.take();
}

}  // namespace hikyaku::serve
