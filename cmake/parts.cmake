# Parts that a build may leave out, with the library that only they need: -DHIKYAKU_PGSQL=OFF. What asks for a
# part that is not there gets an error that says so. Each is one file of src/io, beside another, without_NAME.cc,
# that stands in for it.
set(HIKYAKU_LEFT_OUT "")  # ends of the paths of files that are not compiled
macro(hikyaku_part name file description)
  string(TOUPPER ${name} HIKYAKU_PART)
  option(HIKYAKU_${HIKYAKU_PART} "${description}" ON)
  if(HIKYAKU_${HIKYAKU_PART})
    list(APPEND HIKYAKU_LEFT_OUT /io/without_${name}.cc)
  else()
    list(APPEND HIKYAKU_LEFT_OUT /io/${file}.cc)
    if(HIKYAKU_TESTS)
      message(FATAL_ERROR "The tests want all parts: set HIKYAKU_${HIKYAKU_PART}=ON, or HIKYAKU_TESTS=OFF")
    endif()
  endif()
endmacro()
hikyaku_part(geoip country_dat "Country databases of the old .dat form, by libGeoIP; those of MaxMind's newer form need no library")
hikyaku_part(pgsql pgsql_table "Lookup tables in PostgreSQL")
hikyaku_part(sqlite sqlite_table "Lookup tables in SQLite")
