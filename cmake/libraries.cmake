# The libraries of Debian 12 that the layers name, each as one interface target. All are treated as
# system headers: their warnings are not ours to mend.
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)

function(hikyaku_library name)
  add_library(hikyaku_${name} INTERFACE)
  target_link_libraries(hikyaku_${name} INTERFACE ${ARGN})
endfunction()

pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(GSASL REQUIRED IMPORTED_TARGET libgsasl)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(ESEDB REQUIRED IMPORTED_TARGET libesedb)
pkg_check_modules(LDAP REQUIRED IMPORTED_TARGET ldap lber)
pkg_check_modules(ROCKSDB REQUIRED IMPORTED_TARGET rocksdb)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(UCHARDET REQUIRED IMPORTED_TARGET uchardet)
pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core prometheus-cpp-pull)

hikyaku_library(pcre2 PkgConfig::PCRE2)
hikyaku_library(openssl OpenSSL::SSL OpenSSL::Crypto)
hikyaku_library(unbound unbound)  # its .pc file asks for packages that only a static link needs
hikyaku_library(rocksdb PkgConfig::ROCKSDB PkgConfig::LZ4 PkgConfig::XXHASH)  # and what its tables are made of
hikyaku_library(db db-5.3 PkgConfig::LMDB cdb PkgConfig::LDAP)  # tables of others
if(HIKYAKU_SQLITE)
  pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
  target_link_libraries(hikyaku_db INTERFACE PkgConfig::SQLITE)
endif()
if(HIKYAKU_PGSQL)
  pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq)
  target_link_libraries(hikyaku_db INTERFACE PkgConfig::PQ)
endif()
hikyaku_library(esedb PkgConfig::ESEDB)
find_library(MRUBY_LIBRARY libmruby.a REQUIRED)
hikyaku_library(mruby ${MRUBY_LIBRARY} m)
# The symbols that Debian's library was built with are not in its package.
target_compile_definitions(hikyaku_mruby INTERFACE MRB_NO_PRESYM)
hikyaku_library(gsasl PkgConfig::GSASL)
hikyaku_library(geoip $<$<BOOL:${HIKYAKU_GEOIP}>:GeoIP>)  # old country databases
hikyaku_library(psl psl)
hikyaku_library(dkim opendkim)
hikyaku_library(curl curl)
hikyaku_library(uchardet PkgConfig::UCHARDET)  # guesses charsets
hikyaku_library(edit PkgConfig::EDIT)  # line editing on a terminal
hikyaku_library(crypt crypt)
hikyaku_library(seccomp PkgConfig::SECCOMP)
hikyaku_library(log fmt::fmt)
hikyaku_library(json nlohmann_json::nlohmann_json)
hikyaku_library(cli CLI11::CLI11)
hikyaku_library(systemd PkgConfig::SYSTEMD)
hikyaku_library(prometheus PkgConfig::PROMETHEUS civetweb-cpp)  # which serves its pages

hikyaku_library(asio)
# g++ 12 takes the frame allocator of a coroutine for a mismatched pair.
target_compile_options(hikyaku_asio INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)
target_compile_definitions(hikyaku_asio INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_DISABLE_BOOST_ARRAY)
