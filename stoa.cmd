@echo off
rem SPDX-License-Identifier: Apache-2.0
rem Runs Stoa from a checkout on Windows: finds JDK 25, builds on first use, starts the program.
rem Environment: STOA_JAVA (java.exe or a JDK folder), JAVA25_HOME, JAVA_HOME, STOA_JAVA_OPTS, STOA_MAVEN.
setlocal enabledelayedexpansion
set "root=%~dp0"
set "root=%root:~0,-1%"
set "java="
if defined STOA_JAVA call :try "%STOA_JAVA%"
if not defined java if defined JAVA25_HOME call :try "%JAVA25_HOME%"
if not defined java if defined JAVA_HOME call :try "%JAVA_HOME%"
if not defined java for %%J in (java.exe) do if not "%%~$PATH:J"=="" call :try "%%~$PATH:J"
if not defined java for /d %%D in ("%ProgramFiles%\Java\*" "%ProgramFiles%\Eclipse Adoptium\*" ^
    "%ProgramFiles%\Microsoft\jdk*" "%ProgramFiles%\Zulu\*" "%USERPROFILE%\.jdks\*") do (
    if not defined java call :try "%%~D"
)
if not defined java (
    echo stoa: needs JDK 25 or newer.!seen! Install one ^(winget install EclipseAdoptium.Temurin.25.JDK^) or set STOA_JAVA. 1>&2
    exit /b 3
)
if not exist "%root%\app\target\stoa\built" (
    if not defined STOA_MAVEN set "STOA_MAVEN=mvn"
    echo stoa: building ^(first use, 1-3 minutes^) ... 1>&2
    for %%H in ("!java!") do for %%B in ("%%~dpH..") do set "JAVA25_HOME=%%~fB"
    pushd "%root%"
    call !STOA_MAVEN! -q -B -Dquick -pl app -am package 1>&2
    if errorlevel 1 (popd & echo stoa: the build failed. 1>&2 & exit /b 3)
    popd
    type nul > "%root%\app\target\stoa\built"
)
"%java%" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -Xmx1g "-Dstoa.root=%root%" ^
    %STOA_JAVA_OPTS% -cp "%root%\app\target\stoa\lib\*" dev.stoa.cli.Main %*
exit /b %errorlevel%

:try
set "candidate=%~1"
if exist "%~1\bin\java.exe" set "candidate=%~1\bin\java.exe"
if not exist "%candidate%" exit /b 0
set "version="
for /f "tokens=3" %%V in ('""%candidate%" -version 2^>^&1" ^| findstr /c:"version"') do set "version=%%~V"
for /f "tokens=1 delims=.-+" %%F in ("%version%") do set "feature=%%F"
if not defined feature exit /b 0
if %feature% GEQ 25 set "java=%candidate%"
if %feature% LSS 25 set "seen=!seen! Found Java %feature%."
exit /b 0
